/**
 * The model of AWS as the simulated processes reach it: unmodified SDK clients, whose request handler ends in the model instead of a socket. Here
 * are the two strongly consistent tables; a Region may go dark or lose its way to the others, as in the rehearsal.
 */
import { DynamoDBClient, GetItemCommand, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { AwsError, RegionDarkError, type Call, type ServiceModel } from '../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../rehearsal/cloud/world.ts';
import { dynamodb, type DynamoDb } from '../rehearsal/services/dynamodb.ts';
import type { Network } from './network.ts';
import type { SimulatedProcess } from './virtual-time.ts';

export const regions = { home: 'us-east-1', away: 'us-west-2', witness: 'us-east-2' } as const;
export const tables = { lease: 'baton-dev-lease', journal: 'baton-dev-journal' } as const;
const accountId = '111111111111';

export interface ClientConfig {
  readonly maxAttempts: number;
  /** Of one attempt, as the SDK's own handler bounds it; absent where the caller does. */
  readonly requestTimeoutMs?: number;
  /** As whom; a person with the keys of the account, where it is not said. */
  readonly roleArn?: string | undefined;
}

export interface SimulatedCloud {
  readonly world: CloudWorld;
  readonly tables: DynamoDb;
  /** Whose call is carried out now. */
  readonly caller: string;
  /** Of one process; or of whichever asks, where an environment serves one after the other. */
  client(process: SimulatedProcess | (() => SimulatedProcess), host: string, region: string, config: ClientConfig): DynamoDBClient;
  /** What the client of another service is made of, in the same way. */
  configuration(of: () => SimulatedProcess, host: string, region: string, config: ClientConfig & { readonly service: string }): DynamoDBClientConfig;
  /** Told of each call that was answered, and not refused. */
  onCall(listener: (call: Call) => void): void;
}

/** One conflict in so many writes, while conflicts are drawn at all: another Region wrote the same item at that moment. */
export interface Conflicts {
  oneIn: number;
}

/** What only tells of a request, and costs as much as the rest. */
const describing = ['loggerMiddleware', 'getUserAgentMiddleware'] as const;

/** After so many V8 has seen that it is read through an heir. */
const readsToLayOut = 100;

interface WireRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface CloudOptions {
  readonly seed: number;
  readonly network: Network;
  readonly random: () => number;
  readonly conflicts: Conflicts;
  /** Whose code runs now; undefined for the world's own. */
  readonly running: () => SimulatedProcess | undefined;
  /** Besides the tables. */
  readonly services?: (world: CloudWorld) => readonly ServiceModel[];
}

export async function simulatedCloud({ seed, network, random, conflicts, running, services = () => [] }: CloudOptions): Promise<SimulatedCloud> {
  let model: DynamoDb | undefined;
  const world = createWorld({
    seed, accountId, regions: [regions.home, regions.away],
    services: (of) => [(model = dynamodb(of)), ...services(of)],
    // The network has them.
    latencies: { dynamodbReadMs: 0, dynamodbWriteMs: 0, otherMs: 0 },
  });
  const held = model!;
  for (const [name, range] of [[tables.lease, 'item'], [tables.journal, 'entry']] as const) {
    await held.resources!['AWS::DynamoDB::GlobalTable']!({
      type: 'AWS::DynamoDB::GlobalTable', logicalId: name, stackName: 'state', region: regions.home, generatedName: name,
      properties: {
        TableName: name,
        MultiRegionConsistency: 'STRONG',
        KeySchema: [{ AttributeName: 'book', KeyType: 'HASH' }, { AttributeName: range, KeyType: 'RANGE' }],
        AttributeDefinitions: ['book', range].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        Replicas: [{ Region: regions.home }, { Region: regions.away }],
        GlobalTableWitnesses: [{ Region: regions.witness }],
      },
    });
  }

  let caller = '';
  const listeners: ((call: Call) => void)[] = [];
  const perform = world.call.bind(world);
  const heard = async (call: Call): Promise<unknown> => {
    // What a state machine asks for itself comes from no socket.
    caller = running()?.name ?? caller;
    const answered = await perform(call);
    for (const listener of listeners) listener(call);
    return answered;
  };
  world.call = heard;

  /** What the service makes of a request; undefined when its Region says nothing at all. */
  async function answer({ service, region, by, roleArn }: Asking, { headers, body }: WireRequest): Promise<{ readonly statusCode: number; readonly text: string } | undefined> {
    const operation = (headers['x-amz-target'] ?? '').split('.')[1] ?? '';
    const input = JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body)) as Record<string, unknown>;
    const isWrite = operation === 'UpdateItem' || operation === 'PutItem';
    try {
      if (isWrite && random() < 1 / conflicts.oneIn) {
        throw new AwsError('ReplicatedWriteConflictException', 'One or more items in this request are being modified by a request in another Region.');
      }
      // Nobody else's call begins before this one has ended.
      caller = by;
      const as = roleArn === undefined ? world.operator.caller : world.callerFor(roleArn);
      const found = await world.call({ service, operation, region, caller: as, input });
      return { statusCode: 200, text: JSON.stringify(service === 'dynamodb' ? found : inSeconds(found)) };
    } catch (error) {
      if (error instanceof RegionDarkError) return undefined;
      if (!(error instanceof AwsError)) throw error;
      const shown = { __type: `com.amazonaws.dynamodb.v20120810#${error.name}`, message: error.message, ...error.data };
      return { statusCode: error.fault === 'server' ? 500 : 400, text: JSON.stringify(shown) };
    }
  }

  function configured(
    of: SimulatedProcess | (() => SimulatedProcess), host: string, region: string,
    { service, maxAttempts, requestTimeoutMs, roleArn }: ClientConfig & { readonly service: string },
  ): DynamoDBClientConfig {
    return configurationOf({ region, maxAttempts }, async (request, signal) => {
      const process = typeof of === 'function' ? of() : of;
      const ownBound = requestTimeoutMs === undefined ? undefined : AbortSignal.timeout(requestTimeoutMs);
      const bound = signal !== null && ownBound !== undefined ? AbortSignal.any([signal, ownBound]) : signal ?? ownBound;
      const given = await network.ask(process, { host, service }, () => answer({ service, region, by: process.name, roleArn }, request), bound);
      return given ?? new Promise<never>(() => undefined);
    });
  }

  return {
    world,
    tables: held,
    get caller() {
      return caller;
    },
    onCall: (listener) => void listeners.push(listener),
    client: (of, host, region, config) => plainly(new DynamoDBClient(configured(of, host, region, { ...config, service: 'dynamodb' }))),
    configuration: configured,
  };
}

/** Dates as the protocol has them. */
function inSeconds(value: unknown): unknown {
  if (value instanceof Date) return value.getTime() / 1000;
  if (Array.isArray(value)) return value.map(inSeconds);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inSeconds(each)]));
}

interface Asking {
  readonly service: string;
  readonly region: string;
  readonly by: string;
  readonly roleArn: string | undefined;
}

type Handle = (request: WireRequest, signal: AbortSignal | null) => Promise<{ readonly statusCode: number; readonly text: string }>;

function configurationOf(config: DynamoDBClientConfig, handle: Handle): DynamoDBClientConfig {
  return {
    credentials: { accessKeyId: 'simulated', secretAccessKey: 'simulated' },
    endpoint: 'http://dynamodb',
    retryMode: 'standard',
    // Who calls is known here, and half of the time would go into proving it.
    signer: { sign: async (request) => request },
    ...config,
    requestHandler: {
      metadata: { handlerProtocol: 'http/1.1' },
      async handle(request: WireRequest, { abortSignal }: { readonly abortSignal?: AbortSignal } = {}) {
        const { statusCode, text } = await handle(request, abortSignal ?? null);
        return { response: { statusCode, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: Buffer.from(text) } };
      },
      updateHttpClientConfig: () => undefined,
      httpHandlerConfigs: () => ({}),
      destroy: () => undefined,
    },
  };
}

function plainly(client: DynamoDBClient): DynamoDBClient {
  for (const name of describing) client.middlewareStack.remove(name);
  layOutForReading(client.config);
  return client;
}

/**
 * Three times in each call the SDK copies its configuration, to which fifty properties were added one after the other: V8 keeps those in a hash table, and
 * to copy it takes a third of the call. An object that others inherit from it lays out like one of a class.
 */
function layOutForReading(config: object): void {
  const heir = Object.create(config) as Record<string, unknown>;
  for (let read = 0; read < readsToLayOut; read++) void heir['region'];
}

/** The SDK reads its configuration from files at its first call, once: before a run, for that takes as long as the disk likes. */
export async function warmUp(): Promise<void> {
  const client = plainly(new DynamoDBClient(configurationOf({ region: regions.home }, async () => ({ statusCode: 200, text: '{}' }))));
  await client.send(new GetItemCommand({ TableName: tables.lease, Key: { book: { S: 'none' } } }));
}
