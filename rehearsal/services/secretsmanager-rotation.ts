/**
 * The rotation of secrets by a function: who may, when it is due, and the four steps with their repetitions. A rotation that was given
 * up leaves AWSPENDING on its version, and that stands in the way of the next one until somebody takes it away.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda.html
 */
import { compressedMs } from '../clock.ts';
import { AwsError, awsService, type Call, type World } from '../cloud/model.ts';
import { nextTime, parseSchedule } from './schedule-expression.ts';
import type { Secret, Version } from './secretsmanager.ts';

export interface RotationRules {
  readonly AutomaticallyAfterDays?: number;
  readonly Duration?: string;
  readonly ScheduleExpression?: string;
}

interface Running {
  readonly token: string;
  cancelled: boolean;
}

const steps = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;
/** AWS says "multiple times" and no more: how often, and how far apart, is assumed. */
const pausesSeconds = [10, 60, 120, 300];
const shortestRateSeconds = 4 * 3600;
const dayMs = 86_400_000;
const hourMs = 3_600_000;

export class Rotations {
  readonly #world: World;
  readonly #propagate: (secret: Secret) => void;
  readonly #running = new Map<Secret, Running>();
  readonly #settling = new Set<Promise<void>>();
  #closed = false;

  constructor(world: World, { propagate }: { readonly propagate: (secret: Secret) => void }) {
    this.#world = world;
    this.#propagate = propagate;
  }

  /** The version of a rotation that is not over. */
  unfinished({ versions }: Secret): Version | undefined {
    return versions.find(({ stages }) => stages.includes('AWSPENDING') && !stages.includes('AWSCURRENT'));
  }

  /** Throws what AWS answers to a rotation that cannot begin. */
  check(secret: Secret, token: string, { lambdaArn, rules, call }: { readonly lambdaArn: string | undefined; readonly rules: RotationRules | undefined; readonly call: Call }): void {
    if (lambdaArn === undefined) throw new AwsError('InvalidRequestException', 'No Lambda rotation function ARN is associated with this secret.');
    if (token.length < 32 || token.length > 64) throw new AwsError('InvalidParameterException', 'ClientRequestToken must have 32 to 64 characters.');
    checkRules(rules);
    const caller = awsService('secretsmanager.amazonaws.com', secret.arn);
    try {
      this.#world.authorize({ caller, region: call.region, service: 'lambda' }, [{ action: 'lambda:InvokeFunction', resource: lambdaArn }]);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const advice = 'Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.';
      throw new AwsError('AccessDeniedException', `Secrets Manager cannot invoke the specified Lambda function. ${advice}`);
    }
    // The same token again is the same rotation.
    if ((this.unfinished(secret)?.id ?? token) !== token) {
      throw new AwsError('InvalidRequestException', "A previous rotation isn't complete. That rotation will be reattempted.");
    }
  }

  /** Goes on after the call that asked for it. */
  start(secret: Secret, token: string): void {
    if (secret.versions.some(({ id }) => id === token)) return;
    this.#begin(secret, token, undefined);
    const running: Running = { token, cancelled: false };
    this.#running.set(secret, running);
    this.#settle(this.#rotate(secret, running).finally(() => this.#running.delete(secret)));
  }

  /** Of a rotation that is to wait for its time: only the test, on a version that is taken away again. */
  test(secret: Secret, token: string): void {
    // That it is a copy of the current one is assumed: AWS says that it is made and removed.
    const current = secret.versions.find(({ stages }) => stages.includes('AWSCURRENT'));
    this.#begin(secret, token, current?.secretString);
    this.#settle(this.#testOnly(secret, token));
  }

  async #testOnly(secret: Secret, token: string): Promise<void> {
    await this.#step(secret, 'testSecret', token);
    secret.versions = secret.versions.filter(({ id }) => id !== token);
    this.#propagate(secret);
  }

  /** What is under way goes no further; its version is left as it is. Answers which. */
  cancel(secret: Secret): string | undefined {
    const running = this.#running.get(secret);
    if (running !== undefined) running.cancelled = true;
    return this.unfinished(secret)?.id;
  }

  /** By the schedule, in UTC; within the day AWS chooses the hour itself, here it is the beginning. A value that is put counts as a rotation. */
  nextDate({ rotation, changedAt }: Secret): Date | undefined {
    if (rotation?.enabled !== true) return undefined;
    const { AutomaticallyAfterDays: days, ScheduleExpression } = rotation.rules;
    const last = changedAt > rotation.since ? changedAt : rotation.since;
    if (days !== undefined) return new Date(last.getTime() + days * dayMs);
    const schedule = parseSchedule(ScheduleExpression ?? '');
    if (schedule === undefined) return undefined;
    if (schedule.kind !== 'rate') return nextTime(schedule, last, 'UTC');
    const at = last.getTime() + schedule.seconds * 1000;
    return new Date(schedule.seconds * 1000 % dayMs === 0 ? Math.floor(at / dayMs) * dayMs : Math.floor(at / hourMs) * hourMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#settling);
  }

  #begin(secret: Secret, id: string, secretString: string | undefined): void {
    for (const version of secret.versions) version.stages = version.stages.filter((stage) => stage !== 'AWSPENDING');
    const kept = secret.versions.filter(({ stages }) => stages.length > 0);
    secret.versions = [...kept, { id, secretString, createdAt: this.#world.now(), stages: ['AWSPENDING'] }];
    this.#propagate(secret);
  }

  #settle(work: Promise<void>): void {
    const settled = work
      .catch((error: unknown) => {
        if (!this.#closed) this.#world.log('a rotation failed inside the model', { error: String(error) });
      })
      .finally(() => this.#settling.delete(settled));
    this.#settling.add(settled);
  }

  /** From the first step again each time that one fails. */
  async #rotate(secret: Secret, running: Running): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      await this.#world.whenBack(secret.region);
      const begun = secret.versions.find(({ id }) => id === running.token);
      // Somebody took its label away: it is no rotation any more.
      if (begun === undefined || !begun.stages.some((stage) => stage === 'AWSPENDING' || stage === 'AWSCURRENT')) return;
      if (await this.#attempt(secret, running)) {
        secret.rotatedAt = this.#world.now();
        this.#world.log(`the secret ${secret.name} was rotated`, { region: secret.region, attempts: attempt + 1 });
        return;
      }
      const modelledSeconds = pausesSeconds[attempt];
      if (modelledSeconds === undefined || running.cancelled || this.#closed) {
        this.#world.log(`the rotation of the secret ${secret.name} was given up`, { region: secret.region, attempts: attempt + 1, cancelled: running.cancelled });
        return;
      }
      const waitedMs = compressedMs(modelledSeconds);
      this.#world.log(`waiting before the rotation of ${secret.name} is tried again`, { modelledSeconds, waitedMs, awaitedIn: secret.region });
      await this.#world.sleep(waitedMs);
    }
  }

  /** Whether it came to its end: AWSPENDING is on the current version or on none. */
  async #attempt(secret: Secret, running: Running): Promise<boolean> {
    for (const step of steps) {
      if (running.cancelled || this.#closed) return false;
      if (!(await this.#step(secret, step, running.token))) return false;
    }
    return this.unfinished(secret) === undefined;
  }

  async #step({ arn, name, region, rotation }: Secret, Step: string, ClientRequestToken: string): Promise<boolean> {
    const payload = JSON.stringify({ Step, SecretId: arn, ClientRequestToken });
    try {
      const answer = (await this.#world.call({
        service: 'lambda', operation: 'Invoke', region, caller: awsService('secretsmanager.amazonaws.com', arn),
        input: { FunctionName: rotation?.lambdaArn, InvocationType: 'RequestResponse', Payload: new TextEncoder().encode(payload) },
      })) as { FunctionError?: string };
      if (answer.FunctionError === undefined) return true;
      this.#world.log(`the rotation of the secret ${name} failed at ${Step}`, { region });
    } catch (error) {
      if (this.#closed) return false;
      this.#world.log(`the rotation of the secret ${name} could not call its function for ${Step}`, { region, error: String(error) });
    }
    return false;
  }
}

function checkRules(rules: RotationRules = {}): void {
  const { AutomaticallyAfterDays: days, ScheduleExpression, Duration } = rules;
  const refuse = (message: string): never => {
    throw new AwsError('InvalidParameterException', message);
  };
  if (days !== undefined && ScheduleExpression !== undefined) refuse('RotationRules take AutomaticallyAfterDays or ScheduleExpression, not both.');
  if (days !== undefined && !(days >= 1 && days <= 1000)) refuse('AutomaticallyAfterDays must be from 1 to 1000.');
  const [, hours] = /^(\d{1,2})h$/.exec(Duration ?? '') ?? [];
  if (Duration !== undefined && hours === undefined) refuse(`Duration must be a number of hours such as 3h: '${Duration}'.`);
  if (ScheduleExpression === undefined) return;
  const schedule = parseSchedule(ScheduleExpression);
  if (schedule === undefined || schedule.kind === 'at') return refuse(`Invalid ScheduleExpression: '${ScheduleExpression}'.`);
  if (schedule.kind === 'rate' && (schedule.seconds < shortestRateSeconds || schedule.seconds % 3600 !== 0)) {
    refuse('A secret is rotated as often as every four hours, and in whole hours.');
  }
  const latestHour = schedule.kind === 'cron' ? Math.max(...schedule.hours) : 0;
  if (hours !== undefined && latestHour + Number(hours) > 24) refuse('The rotation window must not extend into the next UTC day.');
}
