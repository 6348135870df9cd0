/** Faults of AWS: calls that are refused, late, or carried out without a word. */
import { setTimeout as delay } from 'node:timers/promises';
import { AwsError, type Call } from '../cloud/model.ts';
import { atLeast } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { onEntering, struck, type Fault, type Injected } from './fault.ts';

const usualSilenceMs = 1500;
const dynamodbDelayMs = 250;
const otherDelayMs = 1000;
/** The hand-over takes half a dozen calls of the table, one after the other. */
const silenceOfSlowTableMs = 4000;
/** Never one and its repeats: who is throttled for longer than the repeats last is refused, and rightly. */
const throttledOneIn = 12;

export const stepTimesOutAfterSuccess: Fault = {
  name: 'step-times-out-after-success',
  summary: 'Each step that writes the lease is done at its first try, and its function then times out.',
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: usualSilenceMs,
  takes: ['answers'],
  inject(stage) {
    const done = new Set<string>();
    return {
      heal: timedOutAfterSuccess(stage, /lease-control/, done),
      promises: () => [atLeast('struck', 'The fault struck: steps that timed out after their success', done.size, leaseStepsOfACutover, 'steps')],
    };
  },
};
/** takeBook, startDrain, recordLive, forgetColour, releaseBook. */
const leaseStepsOfACutover = 5;

/** Of each step of these functions the first call is carried out and answered by a time-out; lasts until the answer is called. */
export function timedOutAfterSuccess(stage: Stage, functions: RegExp, done: Set<string>): () => void {
  return stage.disturb((call, next) => {
    const step = stepOf(call, functions);
    if (step === undefined || done.has(step)) return undefined;
    done.add(step);
    stage.injected(`the function of '${step}' times out after it has succeeded`);
    return next().then(() => timedOut());
  });
}

/** The step that one of these functions is asked for; undefined for any other call. */
function stepOf({ service, operation, input }: Call, functions: RegExp): string | undefined {
  if (service !== 'lambda' || operation !== 'Invoke' || !functions.test(String(input['FunctionName']))) return undefined;
  // Secrets Manager has a word of its own.
  const { step, Step } = JSON.parse(Buffer.from(input['Payload'] as Uint8Array).toString()) as { step?: string; Step?: string };
  return step ?? Step;
}

/** What a synchronous invocation answers then. The ten seconds that the function would hang are left out: nothing waits for them. */
function timedOut(): Record<string, unknown> {
  const error = { errorType: 'Sandbox.Timedout', errorMessage: 'RequestId: 00000000-0000-0000-0000-000000000000 Error: Task timed out after 10.00 seconds' };
  return { StatusCode: 200, ExecutedVersion: '$LATEST', FunctionError: 'Unhandled', Payload: Buffer.from(JSON.stringify(error)) };
}

export const throttled: Fault = {
  name: 'throttled',
  summary: `Of each kind of call the first is throttled and then one in ${throttledOneIn}; of those to DynamoDB the latter.`,
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: usualSilenceMs,
  takes: ['answers'],
  inject(stage) {
    const counts = new Map<string, number>();
    let refusals = 0;
    const over = stage.injected('AWS throttles');
    const stop = stage.disturb(({ service, operation, caller }) => {
      if (caller.roleArn === undefined || service === 'logs') return undefined;
      const kind = `${service}:${operation}`;
      const count = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, count);
      if (count % throttledOneIn !== (service === 'dynamodb' ? 0 : 1)) return undefined;
      refusals += 1;
      return Promise.reject(throttling(service));
    });
    return {
      heal() {
        stop();
        over();
      },
      promises: () => [struck('calls throttled', refusals)],
    };
  },
};

/** The services have different words for it. */
function throttling(service: string): AwsError {
  const names: Readonly<Record<string, string>> = {
    lambda: 'TooManyRequestsException', rds: 'Throttling', sns: 'ThrottledException', s3: 'SlowDown',
  };
  return new AwsError(names[service] ?? 'ThrottlingException', 'Rate exceeded');
}

export const slowAnswers: Fault = {
  name: 'slow-answers',
  summary: `DynamoDB answers ${dynamodbDelayMs} ms late, every other service ${otherDelayMs} ms.`,
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: silenceOfSlowTableMs,
  takes: ['answers'],
  inject(stage) {
    let late = 0;
    const over = stage.injected('AWS answers late');
    const stop = stage.disturb(({ service, caller }, next) => {
      if (caller.roleArn === undefined || service === 'logs') return undefined;
      late += 1;
      return answeredAfter(next(), service === 'dynamodb' ? dynamodbDelayMs : otherDelayMs);
    });
    return {
      heal() {
        stop();
        over();
      },
      promises: () => [struck('answers delayed', late)],
    };
  },
};

/** The answer, a refusal too, so much later. */
async function answeredAfter(answer: Promise<unknown>, ms: number): Promise<unknown> {
  const [settled] = await Promise.all([answer.then((value) => ({ value }), (error: unknown) => ({ error })), delay(ms)]);
  if ('error' in settled) throw settled.error;
  return settled.value;
}

export const snapshotFails: Fault = {
  name: 'snapshot-fails',
  summary: 'The snapshot of the database ends as failed.',
  outcome: 'rolled-back',
  trades: 'old',
  silenceLimitMs: usualSilenceMs,
  takes: [],
  inject: (stage) =>
    instead(stage, 'snapshots seen as failed', 'rds', 'DescribeDBSnapshots', async (next) => {
      const answer = (await next()) as { readonly DBSnapshots: readonly object[] };
      return { DBSnapshots: answer.DBSnapshots.map((snapshot) => ({ ...snapshot, Status: 'failed', PercentProgress: 40 })) };
    }),
};

export const nobodyToTell: Fault = {
  name: 'nobody-to-tell',
  summary: 'SNS goes down, so nobody hears how the cutover ended; everything else was done.',
  outcome: 'needs-a-person',
  trades: 'new',
  silenceLimitMs: usualSilenceMs,
  takes: [],
  inject(stage) {
    let injected: ReturnType<typeof silentTopics> | undefined;
    // Not before: people whose approval is wanted are told by it, too.
    onEntering(stage, ['Take the book for this execution'], () => (injected = silentTopics(stage)));
    return { heal: () => injected?.heal(), promises: () => injected?.promises() ?? [struck(untold, 0)] };
  },
};

const untold = 'notices that SNS did not take';

/** From now on SNS takes no notice. */
export function silentTopics(stage: Stage): Required<Injected> {
  return instead(stage, untold, 'sns', 'Publish', async () => {
    throw new AwsError('InternalErrorException', 'Internal failure', { fault: 'server' });
  });
}

function instead(stage: Stage, what: string, service: string, operation: string, answer: (next: () => Promise<unknown>) => Promise<unknown>): Required<Injected> {
  let times = 0;
  const stop = stage.disturb((call, next) => {
    if (call.service !== service || call.operation !== operation) return undefined;
    times += 1;
    return answer(next);
  });
  return { heal: stop, promises: () => [struck(what, times)] };
}

/** Of a database, once. */
export function removalRefused(stage: Stage): Injected {
  let times = 0;
  const heal = stage.disturb(({ service, operation }) => {
    if (times > 0 || service !== 'rds' || operation !== 'DeleteDBInstance') return undefined;
    times += 1;
    return Promise.reject(new AwsError('InvalidDBInstanceState', 'The instance is being modified.'));
  });
  return { heal, promises: () => [struck('a removal that RDS refused', times)] };
}
