/**
 * Every operation of every service that the local AWS knows, with random data, through the real SDK client and
 * HTTP in both directions: what the client sends is what a model gets, what a model answers is what the client
 * reads. The counts are strict: an operation that falls out of the protocol shows here.
 */
import { isDeepStrictEqual } from 'node:util';

import { AwsQueryProtocol, AwsSmithyRpcV2CborProtocol } from '@aws-sdk/core/protocols';
import { NormalizedSchema } from '@smithy/core/schema';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { startFront, type Front } from '../../../rehearsal/cloud/front.ts';
import { AwsError, type Call } from '../../../rehearsal/cloud/model.ts';
import { ServiceProtocol } from '../../../rehearsal/cloud/protocol.ts';
import { loadSdk, newClient, sdkClients, type SdkClient, type SdkModule } from '../../../rehearsal/cloud/sdk-clients.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';

let world: CloudWorld;
let front: Front;
let seen: Call | undefined;
let answer: () => unknown = () => ({});

beforeAll(async () => {
  const anyOperation = new Proxy({}, { get: () => (_input: unknown, call: Call) => ((seen = call), answer()) });
  world = createWorld({
    seed: 1,
    accountId: '111122223333',
    regions: ['us-east-1'],
    services: () => Object.keys(sdkClients).map((service) => ({ service, operations: anyOperation })),
    latencies: { dynamodbReadMs: 0, dynamodbWriteMs: 0 },
  });
  front = await startFront(world);
});
afterAll(async () => {
  await front.close();
  await world.close();
});

let drawn = 7;
const random = (below: number): number => (drawn = (drawn * 1103515245 + 12345) & 0x7fffffff) % below;

type Skip = (name: string, member: NormalizedSchema) => boolean;

/** A value of a schema with every member set, to a depth that ends recursive shapes. */
function generate(schema: NormalizedSchema, skip: Skip, depth = 0): unknown {
  if (schema.isUnitSchema()) return {};
  if (schema.isUnionSchema()) {
    const members = [...schema.structIterator()];
    const [name, member] = members[random(members.length)] as [string, NormalizedSchema];
    return { [name]: generate(member, skip, depth + 1) };
  }
  if (schema.isStructSchema()) {
    const struct: Record<string, unknown> = {};
    for (const [name, member] of schema.structIterator()) {
      const nested = member.isStructSchema() || member.isListSchema() || member.isMapSchema();
      if (!skip(name, member) && !(depth > 3 && nested)) struct[name] = generate(member, skip, depth + 1);
    }
    return struct;
  }
  const element = (): unknown => generate(schema.getValueSchema(), skip, depth + 1);
  if (schema.isListSchema()) return depth > 4 ? [] : [element(), element()];
  if (schema.isMapSchema()) return depth > 4 ? {} : { k1: element(), k2: element() };
  if (schema.isBlobSchema()) return new Uint8Array([1, 2, random(250)]);
  if (schema.isTimestampSchema()) return new Date(1_700_000_000_000 + random(1000) * 1000);
  if (schema.isBooleanSchema()) return random(2) === 1;
  if (schema.isNumericSchema()) return random(1000) + 1;
  if (schema.isBigIntegerSchema()) return BigInt(random(1000));
  if (schema.isDocumentSchema()) return { a: 1 };
  return `s<&>${random(99999)}`;
}

/** The same data in one spelling: empty collections count as absent, as most protocols cannot tell them apart. */
function normalized(value: unknown): unknown {
  if (value instanceof Uint8Array) return `blob:${Buffer.from(value).toString('hex')}`;
  if (value instanceof Date) return value.toISOString();
  if (Object.prototype.toString.call(value) === '[object String]') return String(value);
  if (typeof value === 'bigint') return Number(value);
  // A form cannot show an element that has no member.
  if (Array.isArray(value)) return value.map(normalized).filter((element) => JSON.stringify(element) !== '{}');
  if (value === null || typeof value !== 'object') return value;
  if ('string' in value && 'type' in value) return value.string;
  const entries = Object.entries(value)
    .map(([key, member]) => [key, normalized(member)] as const)
    .filter(([, member]) => member !== undefined && !(typeof member === 'object' && member !== null && Object.keys(member).length === 0))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}

// What the clients themselves refuse, rewrite or send elsewhere, with no bearing on the protocol.
const s3RequestExtras = /Checksum|ContentMD5|SSECustomer|CopySourceSSE|MFA|ExpectedBucketOwner|^ContentLength|^Expires$/i;
const s3ResponseExtras = /Checksum|^Expires|ContentLength|ContentEncoding|TransferEncoding/i;
const arn = 'arn:aws:dynamodb:us-east-1:111122223333:table/t';
/** Sent unsigned (no scope names their service), signed for another service, or to a host made of the input. */
const notByThisWay = new Set([
  'sts:AssumeRoleWithSAML',
  'sts:AssumeRoleWithWebIdentity',
  's3:ListDirectoryBuckets',
  's3:WriteGetObjectResponse',
]);
const endpointMembers: Record<string, Record<string, unknown>> = {
  s3: { Bucket: 'bucket', Key: 'a key/of <parts>&more' },
  dynamodb: { TableArn: arn, ResourceArn: arn, StreamArn: arn, TableName: 't' },
  sts: { RoleArn: 'arn:aws:iam::111122223333:role/r' },
};

interface Tally {
  operations: number;
  requests: number;
  responses: number;
}

async function sweep(service: string, protocol?: unknown): Promise<{ tally: Tally; failures: string[] }> {
  const sdk: SdkModule = await loadSdk(service);
  const quiet = (): void => undefined;
  const client: SdkClient = newClient(sdk, service, {
    region: 'us-east-1',
    endpoint: front.endpoint,
    credentials: world.operator.credentials,
    maxAttempts: 1,
    disableHostPrefix: true,
    ...(protocol === undefined ? {} : { protocol }),
    logger: { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  const tally: Tally = { operations: 0, requests: 0, responses: 0 };
  const failures: string[] = [];
  for (const operation of new ServiceProtocol(service, sdk).operations.values()) {
    const Command = sdk[`${operation.name}Command`] as (new (input: unknown) => unknown) | undefined;
    const streams = [operation.input, operation.output].some((shape) => shape.isStructSchema() && shape.getEventStreamMember() !== '');
    if (!Command || streams || notByThisWay.has(`${service}:${operation.name}`)) continue;
    tally.operations += 1;
    const input = generate(operation.input, (name, member) => {
      const traits = member.getMergedTraits() as Record<string, unknown>;
      return (
        Boolean(traits['hostLabel']) ||
        (service === 's3' && s3RequestExtras.test(name)) ||
        (service === 'rds' && name === 'PreSignedUrl') ||
        (service === 'events' && name === 'EndpointId')
      );
    }) as Record<string, unknown>;
    for (const [name, value] of Object.entries(endpointMembers[service] ?? {})) if (name in input) input[name] = value;
    const output = generate(operation.output, (name, member) => {
      return Boolean(member.getMergedTraits().httpResponseCode) || (service === 's3' && s3ResponseExtras.test(name));
    }) as Record<string, unknown>;
    seen = undefined;
    answer = () => structuredClone(output);
    try {
      const { $metadata: _metadata, ...received } = await client.send(new Command(structuredClone(input)));
      for (const [name, value] of Object.entries(received)) {
        const stream = value as { transformToByteArray?: () => Promise<Uint8Array> } | undefined;
        // The status of the response is no data.
        if (operation.output.getMemberSchema(name).getMergedTraits().httpResponseCode) delete received[name];
        if (stream?.transformToByteArray) received[name] = await stream.transformToByteArray();
      }
      if (isDeepStrictEqual(normalized(received), normalized(output))) tally.responses += 1;
      else failures.push(`${service}:${operation.name} response`);
    } catch (error) {
      failures.push(`${service}:${operation.name} failed: ${(error as Error).message.slice(0, 120)}`);
    }
    const call = seen as Call | undefined;
    if (service === 's3') for (const name of Object.keys(call?.input ?? {})) if (s3RequestExtras.test(name)) delete call?.input[name];
    if (call?.operation === operation.name && isDeepStrictEqual(normalized(call.input), normalized(input))) tally.requests += 1;
    else
      failures.push(
        `${service}:${operation.name} request${call && call.operation !== operation.name ? ` taken for ${call.operation}` : ''}`,
      );
  }
  client.destroy();
  return { tally, failures };
}

/** How many operations the installed clients have, less those that go another way: an update of the SDK changes them knowingly. */
const operations: Record<string, number> = {
  backup: 109, ce: 47, cloudformation: 90, dynamodb: 62, ec2: 811, ecr: 62, ecs: 88, elasticache: 75, events: 57, iam: 180, kms: 56, lambda: 87, logs: 116, monitoring: 55,
  rds: 168, s3: 109, scheduler: 12, secretsmanager: 23, servicequotas: 26, sns: 42, ssm: 152, states: 37, sts: 9,
};

test.each(Object.keys(sdkClients))('%s: requests and answers come through as they were sent', async (service) => {
  const { tally, failures } = await sweep(service);
  const all = operations[service];
  expect({ failures, tally }).toEqual({ failures: [], tally: { operations: all, requests: all, responses: all } });
});

test.each([
  ['the query protocol, as old releases of the AWS CLI', AwsQueryProtocol],
  ['CBOR, as its newer ones', AwsSmithyRpcV2CborProtocol],
])('CloudWatch is understood in %s', async (_name, protocol) => {
  const { tally, failures } = await sweep('monitoring', protocol);
  const all = operations['monitoring'];
  expect({ failures, tally }).toEqual({ failures: [], tally: { operations: all, requests: all, responses: all } });
});

test.each(Object.keys(sdkClients))('%s: every error of its model arrives under its name, with its message', async (service) => {
  const sdk = await loadSdk(service);
  const [operation] = [...new ServiceProtocol(service, sdk).operations.values()].filter(
    ({ input }) => !input.isStructSchema() || input.getEventStreamMember() === '',
  );
  const Command = sdk[`${operation?.name ?? ''}Command`] as new (input: unknown) => unknown;
  const input = { ...(generate((operation as NonNullable<typeof operation>).input, () => false) as object), ...endpointMembers[service] };
  const client = newClient(sdk, service, {
    region: 'us-east-1',
    endpoint: front.endpoint,
    credentials: world.operator.credentials,
    maxAttempts: 1,
  });
  const names = unmodelledErrors[service] ?? errorNames(sdk);
  expect(names.length).toBeGreaterThan(0);
  const arrived: string[] = [];
  for (const name of names) {
    answer = () => {
      throw new AwsError(name, `what <${name}> & it says`);
    };
    await client.send(new Command(structuredClone(input))).catch((error: Error) => {
      if (error.message === `what <${name}> & it says`) arrived.push(error.name);
    });
  }
  client.destroy();
  expect(arrived).toEqual(names.map((name) => sameCode[name] ?? name));
});

/** EC2's model names no error at all; its client takes any. */
const unmodelledErrors: Record<string, readonly string[]> = { ec2: ['InvalidVpcID.NotFound', 'InvalidGroup.NotFound'] };

/** CloudWatch gives two shapes one code, and its client takes the other one's name for both. */
const sameCode: Record<string, string> = { DashboardNotFoundError: 'ResourceNotFound' };

function errorNames(sdk: SdkModule): string[] {
  // The client's own base class is in a namespace of its making; no service answers with it.
  const errors = Object.values(sdk).filter((value): value is unknown[] => Array.isArray(value) && value[0] === -3);
  return [
    ...new Set(errors.filter(([, namespace]) => !String(namespace).startsWith('smithy.ts.')).map(([, , name]) => String(name))),
  ].sort();
}

test('an operation without a model answers 501 and names itself', async () => {
  const bare = createWorld({
    seed: 1,
    accountId: '111122223333',
    regions: ['us-east-1'],
    services: () => [{ service: 'ecs', operations: {} }],
  });
  const bareFront = await startFront(bare);
  try {
    const sdk = await loadSdk('ecs');
    const client = newClient(sdk, 'ecs', { region: 'us-east-1', endpoint: bareFront.endpoint, credentials: bare.operator.credentials });
    const Command = sdk['ListClustersCommand'] as new (input: unknown) => unknown;
    const refused = await client.send(new Command({})).catch((error: unknown) => error);
    expect(refused).toMatchObject({ name: 'NotImplemented', $metadata: { httpStatusCode: 501 } });
    expect((refused as Error).message).toContain('ecs:ListClusters is not modelled');
    client.destroy();
    const stranger = newClient(sdk, 'ecs', {
      region: 'us-east-1',
      endpoint: bareFront.endpoint,
      credentials: { accessKeyId: 'AKIASTRANGER', secretAccessKey: 'x' },
    });
    await expect(stranger.send(new Command({}))).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
    stranger.destroy();
  } finally {
    await bareFront.close();
    await bare.close();
  }
});
