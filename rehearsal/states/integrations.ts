/**
 * What a Task's `Resource` does: the calls to AWS services that Step Functions makes for a machine, with the
 * argument, result and error names that a machine sees. Sources: Step Functions developer guide, "Learning to
 * use AWS service SDK integrations" and "Integrating optimized services".
 */
import { NormalizedSchema } from '@smithy/core/schema';
import { loadSdk, type SdkModule } from '../cloud/sdk-clients.ts';
import { AwsError } from '../cloud/model.ts';
import { TaskFailure, type Json, type TaskContext } from './execution.ts';
import { exceptionName, memberName } from './java-names.ts';

/** Calls a service as the machine's role; throws AwsError. */
export type ServiceCall = (service: string, operation: string, input: Record<string, unknown>) => Promise<unknown>;
export type Integration = (args: Json, call: ServiceCall, context: TaskContext) => Promise<Json>;

interface SdkService {
  readonly signingName: string;
  /** Begins the error names: `Ecs.ClusterNotFoundException`. */
  readonly prefix: string;
}

/** By the name in `arn:aws:states:::aws-sdk:<name>:<operation>`. */
const sdkServices: Readonly<Record<string, SdkService>> = {
  cloudwatch: { signingName: 'monitoring', prefix: 'CloudWatch' },
  cloudwatchlogs: { signingName: 'logs', prefix: 'CloudWatchLogs' },
  dynamodb: { signingName: 'dynamodb', prefix: 'DynamoDb' },
  ecr: { signingName: 'ecr', prefix: 'Ecr' },
  ecs: { signingName: 'ecs', prefix: 'Ecs' },
  elasticache: { signingName: 'elasticache', prefix: 'ElastiCache' },
  eventbridge: { signingName: 'events', prefix: 'EventBridge' },
  lambda: { signingName: 'lambda', prefix: 'Lambda' },
  rds: { signingName: 'rds', prefix: 'Rds' },
  s3: { signingName: 's3', prefix: 'S3' },
  secretsmanager: { signingName: 'secretsmanager', prefix: 'SecretsManager' },
  sfn: { signingName: 'states', prefix: 'Sfn' },
  sns: { signingName: 'sns', prefix: 'Sns' },
  ssm: { signingName: 'ssm', prefix: 'Ssm' },
  sts: { signingName: 'sts', prefix: 'Sts' },
};

/** The integration a resource names; undefined when it is not modelled. */
export function integrationOf(resource: string): Integration | undefined {
  const [service = '', operation = '', sdkOperation] = resource.replace(/^arn:aws[a-z-]*:states:[^:]*:[^:]*:/, '').split(':');
  if (service === 'aws-sdk') {
    const target = sdkServices[operation];
    return target === undefined || sdkOperation === undefined ? undefined : sdkIntegration(target, sdkOperation.replace(/\.waitForTaskToken$/, ''));
  }
  return optimized[`${service}:${operation}`];
}

function sdkIntegration({ signingName, prefix }: SdkService, camelOperation: string): Integration {
  const operation = camelOperation.charAt(0).toUpperCase() + camelOperation.slice(1);
  return async (args, call) => {
    const sdk = await loadSdk(signingName);
    const schema = sdk[`${operation}$`] as readonly unknown[] | undefined;
    if (!Array.isArray(schema))
      throw new TaskFailure(
        'States.Runtime',
        `The service '${signingName}' has no operation '${camelOperation}'; the name is the API's, beginning in lower case.`,
      );
    const input = toSdk(args, normalized(schema[4]), 'Arguments') as Record<string, unknown>;
    try {
      return fromSdk((await call(signingName, operation, input)) ?? {}, normalized(schema[5]));
    } catch (thrown) {
      if (!isAnswer(thrown)) throw thrown;
      const name = isModelled(sdk, thrown.name) ? exceptionName(thrown.name) : `${prefix}Exception`;
      throw new TaskFailure(`${prefix}.${name}`, `${thrown.message} (Service: ${prefix}, Status Code: ${statusOf(thrown)})`);
    }
  };
}

const optimized: Readonly<Record<string, Integration>> = {
  'lambda:invoke': invokeLambda,
  'lambda:invoke.waitForTaskToken': invokeLambda,
  'sns:publish': publish,
  'dynamodb:getItem': dynamodb('GetItem'),
  'dynamodb:putItem': dynamodb('PutItem'),
  'dynamodb:updateItem': dynamodb('UpdateItem'),
  'dynamodb:deleteItem': dynamodb('DeleteItem'),
};

async function invokeLambda(args: Json, call: ServiceCall): Promise<Json> {
  const { Payload = {}, ...rest } = asRecord(args, 'lambda:invoke');
  const answer = await callAs('Lambda', 'AWSLambdaException', 'lambda', () =>
    call('lambda', 'Invoke', { ...rest, Payload: Buffer.from(JSON.stringify(Payload)) }),
  );
  const payload = answer.Payload === undefined ? null : parsePayload(answer.Payload);
  if (answer.FunctionError !== undefined) {
    // The name of a handler's error is what Retry and Catch compare; the whole payload is the cause.
    const { errorType } = (payload ?? {}) as { errorType?: string };
    throw new TaskFailure(errorType ?? 'Lambda.Unknown', JSON.stringify(payload));
  }
  return {
    ExecutedVersion: (answer.ExecutedVersion ?? '$LATEST') as Json,
    Payload: payload,
    StatusCode: (answer.StatusCode ?? 200) as Json,
  };
}

async function publish(args: Json, call: ServiceCall): Promise<Json> {
  const { Message, ...rest } = asRecord(args, 'sns:publish');
  const text = typeof Message === 'string' ? Message : JSON.stringify(Message);
  const answer = await callAs('SNS', 'AmazonSNSException', 'sns', () => call('sns', 'Publish', { ...rest, Message: text }));
  return { MessageId: answer.MessageId as Json };
}

/** Unlike the SDK integration, this one keeps the API's own spelling. */
function dynamodb(operation: string): Integration {
  return async (args, call) => {
    const answer = await callAs('DynamoDB', 'AmazonDynamoDBException', 'dynamodb', () =>
      call('dynamodb', operation, asRecord(args, `dynamodb:${operation}`)),
    );
    return JSON.parse(JSON.stringify({ ...answer, $metadata: undefined })) as Json;
  };
}

async function callAs(
  prefix: string,
  unmodelled: string,
  signingName: string,
  call: () => Promise<unknown>,
): Promise<Record<string, unknown>> {
  try {
    return ((await call()) ?? {}) as Record<string, unknown>;
  } catch (thrown) {
    if (!isAnswer(thrown)) throw thrown;
    const sdk = await loadSdk(signingName);
    throw new TaskFailure(
      `${prefix}.${isModelled(sdk, thrown.name) ? thrown.name : unmodelled}`,
      `${thrown.message} (Service: ${prefix}; Status Code: ${statusOf(thrown)})`,
    );
  }
}

/** The arguments as the SDK types them; a name the service does not have fails the task as it does at AWS. */
function toSdk(value: Json, schema: NormalizedSchema, path: string): unknown {
  if (value === null || schema.isDocumentSchema()) return value;
  if (schema.isStructSchema()) {
    const members = new Map([...schema.structIterator()].map(([name, member]) => [memberName(name), { name, member }]));
    const sdk: Record<string, unknown> = {};
    for (const [name, member] of Object.entries(asRecord(value, path))) {
      const known = members.get(name);
      if (known === undefined)
        throw new TaskFailure(
          'States.Runtime',
          `The field '${name}' of ${path} is not supported by Step Functions; supported are ${[...members.keys()].join(', ')}.`,
        );
      sdk[known.name] = toSdk(member, known.member, `${path}/${name}`);
    }
    return sdk;
  }
  if (schema.isListSchema()) {
    if (!Array.isArray(value)) throw new TaskFailure('States.Runtime', `${path} must be a list, seen ${JSON.stringify(value)}.`);
    return value.map((item, index) => toSdk(item, schema.getValueSchema(), `${path}[${index}]`));
  }
  if (schema.isMapSchema()) {
    return Object.fromEntries(
      Object.entries(asRecord(value, path)).map(([key, member]) => [key, toSdk(member, schema.getValueSchema(), `${path}/${key}`)]),
    );
  }
  if (schema.isTimestampSchema()) return new Date(value as string);
  // A body that is streamed (S3's) is JSON whatever it is: a text is stored in its quotation marks.
  if (schema.isBlobSchema()) return Buffer.from(typeof value === 'string' && !schema.isStreaming() ? value : JSON.stringify(value));
  return value;
}

function fromSdk(value: unknown, schema: NormalizedSchema): Json {
  if (value === null || value === undefined) return null;
  if (schema.isUnitSchema()) return {};
  if (schema.isStructSchema()) {
    const result: Record<string, Json> = {};
    for (const [name, member] of schema.structIterator()) {
      const given = (value as Record<string, unknown>)[name];
      if (given !== undefined) result[memberName(name)] = fromSdk(given, member);
    }
    return result;
  }
  if (schema.isListSchema()) return (value as unknown[]).map((item) => fromSdk(item, schema.getValueSchema()));
  if (schema.isMapSchema()) {
    return Object.fromEntries(
      Object.entries(value as Record<string, unknown>).map(([key, member]) => [key, fromSdk(member, schema.getValueSchema())]),
    );
  }
  if (schema.isTimestampSchema()) return (value as Date).toISOString().replace('.000Z', 'Z');
  if (schema.isBlobSchema()) return typeof value === 'string' ? value : Buffer.from(value as Uint8Array).toString();
  return JSON.parse(JSON.stringify(value)) as Json;
}

function normalized(schema: unknown): NormalizedSchema {
  return NormalizedSchema.of(
    (typeof schema === 'function' ? (schema as () => unknown)() : schema) as Parameters<typeof NormalizedSchema.of>[0],
  );
}

function isModelled(sdk: SdkModule, errorName: string): boolean {
  return Array.isArray(sdk[`${errorName}$`]);
}

/** An error that AWS would give; an operation nobody modelled is a gap of the rehearsal, which no catcher may hide. */
function isAnswer(thrown: unknown): thrown is AwsError {
  return thrown instanceof AwsError && thrown.name !== 'NotImplemented';
}

function statusOf(error: AwsError): number {
  return error.fault === 'server' ? 500 : 400;
}

function parsePayload(payload: unknown): Json {
  const text = typeof payload === 'string' ? payload : Buffer.from(payload as Uint8Array).toString();
  return text === '' ? null : (JSON.parse(text) as Json);
}

function asRecord(value: Json, what: string): Record<string, Json> {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new TaskFailure('States.Runtime', `${what} takes an object, seen ${JSON.stringify(value)}.`);
  return value;
}
