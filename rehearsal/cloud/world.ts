/**
 * The world: the account that the service models live in. It passes calls to the models with the latency that
 * AWS would have, knows which access key belongs to which role, carries events from service to service, and
 * keeps a record of every call, by whom and with what outcome, which permissions are judged by.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { compressedMs } from '../clock.ts';
import { DeployedPolicies } from '../permissions/deployed-policies.ts';
import { Judge } from '../permissions/judge.ts';
import type { Iam } from '../services/iam.ts';
import {
  AwsError, RegionDarkError,
  type BusEvent, type Call, type Caller, type CreatedResource, type Credentials, type ResourceRequest, type ServiceModel, type World,
} from './model.ts';
import { RegionStates } from './region-states.ts';
import { provisioningDelays, provisioningSeconds, type ProvisioningColumn } from './provisioning.ts';

/** What a call costs on its way to the service and back; it takes effect in the middle. */
export interface Latencies {
  /** A strongly consistent read of one item. */
  readonly dynamodbReadMs: number;
  /** A write to a table with multi-Region strong consistency. */
  readonly dynamodbWriteMs: number;
  readonly otherMs: number;
}
export const defaultLatencies: Latencies = { dynamodbReadMs: 15, dynamodbWriteMs: 30, otherMs: 0 };

const dynamodbReads = new Set(['GetItem', 'Query', 'Scan', 'BatchGetItem']);
const dynamodbWrites = new Set(['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem']);

export interface RecordedCall {
  /** Milliseconds since the world began. */
  readonly atMs: number;
  readonly caller: Caller;
  readonly service: string;
  readonly operation: string;
  readonly region: string;
  /** 'ok', or the name of the error that was answered. */
  readonly outcome: string;
}

export interface LogLine {
  readonly atMs: number;
  readonly message: string;
  readonly fields?: Record<string, unknown>;
}

/** The world as the rehearsal sees it; the models see the `World` of model.ts. */
export interface CloudWorld extends World {
  readonly regions: readonly string[];
  readonly calls: readonly RecordedCall[];
  /** The person at the keyboard and CloudFormation: an access key without a role. */
  readonly operator: { readonly caller: Caller; readonly credentials: Credentials };
  /** What a service says of something when nobody in particular asks, whatever became of its Region; undefined where it refuses. */
  look<Answer = Record<string, unknown>>(of: Pick<Call, 'service' | 'operation' | 'region' | 'input'>): Promise<Answer | undefined>;
  model(service: string): ServiceModel | undefined;
  models(): readonly ServiceModel[];
  /** Whose key this is; `undefined` for a key the world never gave out. */
  callerByAccessKey(accessKeyId: string): Caller | undefined;
  /** A person's session of a role, with a key of its own. */
  person(roleArn: string, sessionName: string): { readonly caller: Caller; readonly credentials: Credentials };
  /** What belongs to an access key; `undefined` for a key the world never gave out. */
  secretAccessKeyOf(accessKeyId: string): string | undefined;
  /** Whether the token is the one that belongs to the key; a key of a person for good has none. */
  isTokenOf(accessKeyId: string, sessionToken: string | undefined): boolean;
  /** Who decides whether a call is allowed; undefined in a world that allows all. */
  readonly judge: Judge | undefined;
  /** Told by CloudFormation of everything it made. */
  resourceCreated(request: ResourceRequest, created: CreatedResource): void;
  onBusEvent(listener: (event: BusEvent & { readonly time: Date; readonly id: string }) => void): void;
  /** All of a Region is gone in one blow: its tasks, functions and servers, and everybody's way there. Its executions stand still. */
  darken(region: string): Promise<void>;
  /** What AWS starts again by itself is started; executions go on. */
  relight(region: string): Promise<void>;
  /** Its services answer 503, DynamoDB apart; what runs there runs on. Ends when the answer is called. */
  loseControlPlane(region: string): () => void;
  /** Neither Region reaches the other until the answer is called: DynamoDB's replicas and witness do not, nor does the stream of a database. */
  cutLink(one: string, other: string): () => void;
  /** Told by the front once it listens. */
  setEndpoint(endpoint: string): void;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly seed: number;
  readonly accountId: string;
  readonly regions: readonly string[];
  /** Makes the models; a model may be registered for each signing name once. */
  readonly services: (world: CloudWorld) => readonly ServiceModel[];
  readonly latencies?: Partial<Latencies>;
  /** Which column of the provisioning table holds; typical when not said. */
  readonly provisioning?: ProvisioningColumn;
  /** How long such a delay takes here: on the compressed clock when not said. */
  readonly provisioningMs?: (modelledSeconds: number) => number;
  readonly onLog?: (line: LogLine) => void;
  /** Judge every call by the policies that are deployed; wants the model of IAM. */
  readonly judged?: boolean;
}

export class WorldClosedError extends Error {
  constructor() {
    super('the world was closed while something in it still waited');
    this.name = 'WorldClosedError';
  }
}

export function createWorld(options: WorldOptions): CloudWorld {
  const latencies = { ...defaultLatencies, ...options.latencies };
  const column = options.provisioning ?? 'typical';
  const { provisioningMs = compressedMs } = options;
  const beganMs = performance.now();
  const elapsedMs = (): number => performance.now() - beganMs;
  const closing = new AbortController();
  const calls: RecordedCall[] = [];
  const models = new Map<string, ServiceModel>();
  const roles = new Map<string, { caller: Caller; credentials: Credentials }>();
  const callers = new Map<string, Caller>();
  const keys = new Map<string, Credentials>();
  const relightings = new Map<string, () => void>();
  const states = new RegionStates(closing.signal);
  const busListeners: Array<(event: BusEvent & { time: Date; id: string }) => void> = [];
  let endpoint = '';
  let drawn = 0;
  let policies: DeployedPolicies | undefined;
  let judge: Judge | undefined;

  const digest = (purpose: string): string => createHash('sha256').update(`${options.seed}:${purpose}`).digest('hex');

  function newKey(purpose: string, identity: Omit<Caller, 'accessKeyId'> = {}): { caller: Caller; credentials: Credentials } {
    const temporary = identity.roleArn !== undefined;
    const accessKeyId = `${temporary ? 'ASIA' : 'AKIA'}${digest(`key:${purpose}`).slice(0, 16).toUpperCase()}`;
    const credentials: Credentials = {
      accessKeyId,
      secretAccessKey: digest(`secret:${purpose}`).slice(0, 40),
      ...(temporary && { sessionToken: digest(`token:${purpose}`) }),
    };
    const caller: Caller = { accessKeyId, ...identity };
    callers.set(accessKeyId, caller);
    keys.set(accessKeyId, credentials);
    return { caller, credentials };
  }

  function role(roleArn: string): { caller: Caller; credentials: Credentials } {
    const known = roles.get(roleArn) ?? newKey(`role:${roleArn}`, { roleArn });
    roles.set(roleArn, known);
    return known;
  }

  async function sleep(ms: number): Promise<void> {
    try {
      await delay(ms, undefined, { signal: closing.signal });
    } catch {
      throw new WorldClosedError();
    }
  }

  function latencyMs({ service, operation }: Call): number {
    if (service !== 'dynamodb') return latencies.otherMs;
    if (dynamodbReads.has(operation)) return latencies.dynamodbReadMs;
    return dynamodbWrites.has(operation) ? latencies.dynamodbWriteMs : latencies.otherMs;
  }

  async function perform(call: Call): Promise<unknown> {
    const handler = models.get(call.service)?.operations[call.operation];
    if (!handler) throw notModelled(call);
    if (!options.regions.includes(call.region)) {
      throw new AwsError('UnrecognizedClientException', `this world has no Region '${call.region}' (it has ${options.regions.join(', ')})`);
    }
    const ms = latencyMs(call);
    const sentMs = elapsedMs();
    // Both halves aim at a point in time, so that a late timer on the way there is not paid again on the way back.
    const until = async (targetMs: number): Promise<void> => {
      const left = targetMs - elapsedMs();
      if (left > 0) await sleep(left);
    };
    refuseInOutage(call);
    if (ms > 0) await until(sentMs + ms / 2);
    refuseInOutage(call);
    try {
      await judge?.judge(call);
      return await handler(call.input, call);
    } finally {
      if (ms > 0) await until(sentMs + ms);
    }
  }

  function refuseInOutage({ service, region }: Call): void {
    const outage = states.outageOf(region);
    if (outage === 'dark') throw new RegionDarkError(region);
    if (outage === 'control-plane' && service !== 'dynamodb') throw new AwsError('ServiceUnavailable', 'Service is unavailable. Please try again later.', { fault: 'server' });
  }

  const world: CloudWorld = {
    accountId: options.accountId,
    regions: options.regions,
    calls,
    operator: newKey('operator'),
    get endpoint() {
      return endpoint;
    },
    setEndpoint(listening) {
      endpoint = listening;
    },
    async call(call) {
      const { caller, service, operation, region } = call;
      const atMs = elapsedMs();
      const record = (outcome: string): number => calls.push({ atMs, caller, service, operation, region, outcome });
      try {
        const answer = await perform(call);
        record('ok');
        return answer;
      } catch (error) {
        record(error instanceof Error ? error.name : 'Error');
        throw error;
      }
    },
    credentialsFor: (roleArn) => role(roleArn).credentials,
    callerFor: (roleArn) => role(roleArn).caller,
    callerByAccessKey: (accessKeyId) => callers.get(accessKeyId),
    person: (roleArn, sessionName) => newKey(`person:${roleArn}:${sessionName}`, { roleArn, sessionName }),
    secretAccessKeyOf: (accessKeyId) => keys.get(accessKeyId)?.secretAccessKey,
    isTokenOf: (accessKeyId, sessionToken) => keys.get(accessKeyId)?.sessionToken === sessionToken,
    get judge() {
      return judge;
    },
    resourceCreated: (request, created) => policies?.resourceCreated(request, created),
    mayAssume: (roleArn, service, sourceArn) => judge?.mayAssume(roleArn, service, sourceArn) ?? true,
    authorize: (of, accesses) => judge?.authorize(of, accesses),
    look,
    model: (service) => models.get(service),
    models: () => [...models.values()],
    onBusEvent(listener) {
      busListeners.push(listener);
    },
    emit(event) {
      if (states.outageOf(event.sentTo ?? event.region) !== undefined) return;
      const sent = { ...event, time: world.now(), id: eventId(world.uniqueId(32)) };
      for (const listener of busListeners) listener(sent);
    },
    now: () => new Date(),
    uniqueId(length = 12) {
      let id = '';
      while (id.length < length) id += digest(`id:${drawn++}`);
      return id.slice(0, length);
    },
    async provision(kind, region) {
      const modelledSeconds = provisioningSeconds(kind, column);
      const awaitedIn = provisioningDelays[kind]?.awaitedElsewhere === true ? undefined : region;
      world.log(`waiting for ${kind}`, { modelledSeconds, waitedMs: provisioningMs(modelledSeconds), region, awaitedIn });
      await world.provisionBeside(kind, region);
    },
    async provisionBeside(kind, region) {
      await sleep(provisioningMs(provisioningSeconds(kind, column)));
      await states.whenBack(region);
    },
    outageOf: (region) => states.outageOf(region),
    whenBack: (region) => states.whenBack(region),
    areLinked: (one, other) => states.areLinked(one, other),
    loseControlPlane: (region) => states.lose(region, 'control-plane'),
    cutLink(one, other) {
      const tell = (): void => {
        for (const model of models.values()) model.linkChanged?.(one, other, states.areLinked(one, other));
      };
      const mend = states.cutLink(one, other);
      tell();
      return () => {
        mend();
        tell();
      };
    },
    async darken(region) {
      world.log('a Region goes dark', { region });
      relightings.set(region, states.lose(region, 'dark'));
      await Promise.all([...models.values()].map(async (model) => model.regionLost?.(region)));
    },
    async relight(region) {
      // Its servers first: what goes on then finds them.
      await Promise.all([...models.values()].map(async (model) => model.regionBack?.(region)));
      world.log('a Region is back', { region });
      relightings.get(region)?.();
      relightings.delete(region);
    },
    sleep,
    log(message, fields) {
      options.onLog?.({ atMs: elapsedMs(), message, ...(fields ? { fields } : {}) });
    },
    async close() {
      closing.abort();
      const closed = await Promise.allSettled([...models.values()].reverse().map(async (model) => model.close?.()));
      const failed = closed.filter((outcome) => outcome.status === 'rejected').map((outcome) => outcome.reason as unknown);
      if (failed.length > 0) throw new AggregateError(failed, `${failed.length} service models did not close`);
    },
  };

  for (const model of options.services(world)) {
    if (models.has(model.service)) throw new Error(`two models say that they are '${model.service}': register one`);
    models.set(model.service, model);
  }
  if (options.judged === true) {
    const iam = models.get('iam') as Iam | undefined;
    if (iam === undefined) throw new Error('a world that judges calls wants the model of IAM: register it');
    policies = new DeployedPolicies(iam);
    judge = new Judge(policies, { accountId: options.accountId, ask: look }, () => world.now());
  }
  return world;

  async function look<Answer>({ service, operation, region, input }: Pick<Call, 'service' | 'operation' | 'region' | 'input'>): Promise<Answer | undefined> {
    const handler = models.get(service)?.operations[operation];
    if (!handler) throw notModelled({ service, operation, region, input, caller: world.operator.caller });
    try {
      return (await handler(input, { service, operation, region, input, caller: world.operator.caller })) as Answer;
    } catch (error) {
      if (error instanceof AwsError) return undefined;
      throw error;
    }
  }
}

function notModelled(call: Call): AwsError {
  return new AwsError(
    'NotImplemented',
    `${call.service}:${call.operation} is not modelled in this rehearsal; add it to the model of '${call.service}' in rehearsal/services`,
    { fault: 'server' },
  );
}

/** An event's id looks like a UUID. */
function eventId(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
