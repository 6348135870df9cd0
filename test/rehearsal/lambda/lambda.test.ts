import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { OperationHandler, ResourceRequest, ServiceModel } from '../../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { logs } from '../../../rehearsal/services/logs.ts';
import { lambdaModel, type LambdaModel } from '../../../rehearsal/services/lambda.ts';
import { until } from '../../until.ts';
import { isAlive } from '../processes/site.ts';

const region = 'us-east-1';
const roleArn = 'arn:aws:iam::111111111111:role/function';

const handlerSource = `
console.log('loaded');
let served = 0;
exports.handler = async (event, context) => {
  served += 1;
  if (event.print) console.log(event.print);
  if (event.fail) throw Object.assign(new Error('the book is busy'), { name: 'BookBusy' });
  if (event.throwText) throw 'only text';
  if (event.hang) await new Promise(() => {});
  if (event.spin) for (;;);
  // Nothing else happens in this process meanwhile, as when no core is free for it.
  if (event.heldUpMs) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, event.heldUpMs);
  if (event.exit) process.exit(3);
  if (event.environment) return process.env;
  if (event.waitMs) await new Promise((resolve) => setTimeout(resolve, event.waitMs));
  const { functionName: name, awsRequestId: requestId } = context;
  return { event, served, pid: process.pid, remainingMs: context.getRemainingTimeInMillis(), name, requestId };
};
exports.nothing = async () => undefined;
`;

let directory: string;
let world: CloudWorld;
let printed: { group: string; message: string }[];

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'baton-lambda-'));
  await writeFile(path.join(directory, 'index.js'), handlerSource);
  await writeFile(path.join(directory, 'broken.js'), "throw new TypeError('cannot start');");
  await writeFile(path.join(directory, 'module.mjs'), 'export const handler = async (event) => ({ module: event });');
});
afterAll(() => rm(directory, { recursive: true }));
afterEach(() => world.close());

/** CloudWatch Logs, whose groups and streams have to be made first; what is put there is kept. */
function recorded(made: CloudWorld): ServiceModel {
  const model = logs(made);
  const operations: Record<string, OperationHandler> = {
    ...model.operations,
    async PutLogEvents(input: { logGroupName: string; logEvents: { message: string }[] }, call) {
      await model.operations.PutLogEvents?.(input, call);
      for (const { message } of input.logEvents) printed.push({ group: input.logGroupName, message });
    },
  };
  return { ...model, operations };
}

async function start(properties: Record<string, unknown> = {}, more: readonly ServiceModel[] = []): Promise<void> {
  printed = [];
  world = createWorld({
    seed: 7,
    accountId: '111111111111',
    regions: [region],
    services: (made) => [lambdaModel(made, { assetDirectory: () => directory }), recorded(made), ...more],
  });
  world.setEndpoint('http://127.0.0.1:1');
  await create('AWS::Lambda::Function', {
    FunctionName: 'f',
    Runtime: 'nodejs24.x',
    Handler: 'index.handler',
    Code: { S3Bucket: 'b', S3Key: 'x.zip' },
    Role: roleArn,
    ...properties,
  });
}

function create(type: string, properties: Record<string, unknown>) {
  const request: ResourceRequest = { type, logicalId: 'F', stackName: 'stack', region, generatedName: 'stack-F-0', properties };
  const handler = world.model('lambda')?.resources?.[type];
  if (handler === undefined) throw new Error(`no handler makes ${type}`);
  return handler(request);
}

interface Answer {
  readonly StatusCode: number;
  readonly FunctionError?: string;
  readonly payload: any;
}
async function invoke(event: unknown, more: Record<string, unknown> = {}): Promise<Answer> {
  const answer = (await world.call({
    service: 'lambda',
    operation: 'Invoke',
    region,
    caller: world.operator.caller,
    input: { FunctionName: 'f', Payload: Buffer.from(JSON.stringify(event)), ...more },
  })) as Answer & { Payload?: Uint8Array };
  return { ...answer, payload: answer.Payload === undefined ? undefined : JSON.parse(Buffer.from(answer.Payload).toString()) };
}

describe('one environment', () => {
  test('a cold start, then warm: the same process serves again', async () => {
    await start();
    const first = await invoke({ a: 1 });
    const second = await invoke({ a: 2 });
    expect(first).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST', payload: { event: { a: 1 }, served: 1, name: 'f' } });
    expect(second.payload).toMatchObject({ event: { a: 2 }, served: 2, pid: first.payload.pid });
    expect(second.payload.requestId).not.toBe(first.payload.requestId);
    expect(first.payload.remainingMs).toBeGreaterThan(2000);
    expect(first.payload.remainingMs).toBeLessThanOrEqual(3000);
    await world.close();
    expect(isAlive(first.payload.pid)).toBe(false);
  });

  test('errors keep their type; the process survives them', async () => {
    await start();
    const failed = await invoke({ fail: true });
    expect(failed).toMatchObject({
      StatusCode: 200,
      FunctionError: 'Unhandled',
      payload: { errorType: 'BookBusy', errorMessage: 'the book is busy' },
    });
    expect(failed.payload.trace[0]).toBe('BookBusy: the book is busy');
    expect((await invoke({ throwText: true })).payload).toMatchObject({ errorType: 'string', errorMessage: 'only text' });
    expect((await invoke({})).payload.served).toBe(3);
  });

  test('one that is held up for longer than a connection may be idle answers all the same', async () => {
    await start({ Timeout: 30 });
    const first = await invoke({});
    const held = await invoke({ heldUpMs: 8000 });
    expect(held).toMatchObject({ StatusCode: 200, payload: { served: 2, pid: first.payload.pid } });
    expect(held).not.toHaveProperty('FunctionError');
  });

  test.each([{ hang: true }, { spin: true }])('%o is killed when its time is over, and the next call starts anew', async (event) => {
    await start({ Timeout: 1 });
    const before = await invoke({});
    const startedMs = performance.now();
    const late = await invoke(event);
    expect(performance.now() - startedMs).toBeGreaterThan(950);
    expect(performance.now() - startedMs).toBeLessThan(5000);
    expect(late).toMatchObject({ FunctionError: 'Unhandled', payload: { errorType: 'Sandbox.Timedout' } });
    expect(late.payload.errorMessage).toMatch(/^RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds$/);
    expect(isAlive(before.payload.pid)).toBe(false);
    expect((await invoke({})).payload.served).toBe(1);
  });

  test('a process that ends by itself is an error with its exit status', async () => {
    await start();
    expect((await invoke({ exit: true })).payload).toMatchObject({
      errorType: 'Runtime.ExitError',
      errorMessage: expect.stringContaining('exit status 3'),
    });
    expect((await invoke({})).payload.served).toBe(1);
  });

  test('processes are killed in the middle of their work, and not those that wait for some', async () => {
    await start();
    const both = await Promise.all([invoke({ waitMs: 50 }), invoke({ waitMs: 50 })]);
    const working = invoke({ print: 'in the middle', hang: true });
    await until('the work to have begun', () => printed.some(({ message }) => message === 'in the middle'));
    await (world.model('lambda') as LambdaModel).kill(region, 'f');
    expect((await working).payload).toMatchObject({ errorType: 'Runtime.ExitError', errorMessage: expect.stringContaining('signal: killed') });
    expect(both.filter(({ payload }) => isAlive(payload.pid))).toHaveLength(1);
    expect((await invoke({})).payload.served).toBe(2);
  });

  const starts: { handler: string; event?: unknown; gives: unknown }[] = [
    { handler: 'broken.handler', gives: { errorType: 'TypeError', errorMessage: 'cannot start' } },
    { handler: 'missing.handler', gives: { errorType: 'Runtime.ImportModuleError' } },
    { handler: 'index.absent', gives: { errorType: 'Runtime.HandlerNotFound' } },
    { handler: 'module.handler', event: { a: 1 }, gives: { module: { a: 1 } } },
    { handler: 'index.nothing', gives: null },
  ];
  test.each(starts)('the handler $handler', async ({ handler, event = {}, gives }) => {
    await start({ Handler: handler });
    const { payload } = await invoke(event);
    if (gives === null) expect(payload).toBe(null);
    else expect(payload).toMatchObject(gives as object);
    expect((await invoke(event)).payload).toEqual(payload === null ? null : expect.anything());
  });

  test('it sees its own variables and its role, and nothing of the rehearsal', async () => {
    process.env.BATON_TEST_CANARY = 'must not be seen';
    try {
      await start({ Environment: { Variables: { TABLE: 't' } }, MemorySize: 256, LoggingConfig: { LogGroup: '/baton/f' } });
      const { payload } = await invoke({ environment: true });
      expect(payload).toMatchObject({
        TABLE: 't',
        AWS_REGION: region,
        AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
        AWS_ACCESS_KEY_ID: world.credentialsFor(roleArn).accessKeyId,
        AWS_SESSION_TOKEN: world.credentialsFor(roleArn).sessionToken,
        AWS_LAMBDA_FUNCTION_NAME: 'f',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
        AWS_LAMBDA_LOG_GROUP_NAME: '/baton/f',
      });
      const foreign = Object.keys(payload).filter(
        (name) => !/^(AWS_|LAMBDA_|_HANDLER$|_X_AMZN_TRACE_ID$|TZ$|LANG$|PATH$|TABLE$)/.test(name),
      );
      expect(foreign).toEqual([]);
    } finally {
      delete process.env.BATON_TEST_CANARY;
    }
  });

  test('what it prints and the figures of each invocation are in its log group, in order', async () => {
    await start();
    await invoke({ print: 'first' });
    await invoke({ print: 'second' });
    await until('all that was printed', () => printed.length === 5);
    expect(new Set(printed.map(({ group }) => group))).toEqual(new Set(['/aws/lambda/f']));
    const messages = printed.map(({ message }) => message);
    expect(messages.filter((message) => !message.startsWith('REPORT'))).toEqual(['loaded', 'first', 'second']);
    const reports = messages.filter((message) => message.startsWith('REPORT'));
    expect(reports[0]).toMatch(/^REPORT RequestId: [0-9a-f-]{36}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t/);
    expect(reports[0]).toMatch(/\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms$/);
    expect(reports[1]).not.toContain('Init Duration');
  });
});

test('a function deployed again starts anew', async () => {
  await start();
  const before = await invoke({});
  await create('AWS::Lambda::Function', {
    FunctionName: 'f',
    Runtime: 'nodejs24.x',
    Handler: 'index.handler',
    Code: { S3Key: 'y.zip' },
    Role: roleArn,
  });
  const after = await invoke({});
  expect(after.payload.served).toBe(1);
  await until('the process is gone', () => !isAlive(before.payload.pid));
});

describe('many at a time', () => {
  test('parallel invocations have a process each; the processes are used again', async () => {
    await start();
    const pids = async (): Promise<Set<number>> =>
      new Set((await Promise.all([1, 2, 3].map(() => invoke({ waitMs: 300 })))).map(({ payload }) => payload.pid));
    const first = await pids();
    expect(first.size).toBe(3);
    expect(await pids()).toEqual(first);
  });

  test('more than the reserved concurrency is throttled', async () => {
    await start({ ReservedConcurrentExecutions: 1 });
    const running = invoke({ waitMs: 300 });
    await expect(invoke({})).rejects.toMatchObject({ name: 'TooManyRequestsException' });
    expect((await running).FunctionError).toBeUndefined();
    expect((await invoke({})).payload.served).toBe(2);
  });
});

describe('asynchronous', () => {
  test('an event is accepted at once, tried three times, and then told to the failure destination', async () => {
    const published: Record<string, unknown>[] = [];
    const sns: ServiceModel = { service: 'sns', operations: { Publish: (input: Record<string, unknown>) => published.push(input) } };
    await start({}, [sns]);
    await create('AWS::Lambda::EventInvokeConfig', {
      FunctionName: 'f',
      Qualifier: '$LATEST',
      DestinationConfig: { OnFailure: { Destination: 'arn:aws:sns:us-east-1:111111111111:t' } },
    });
    expect(await invoke({ fail: true }, { InvocationType: 'Event' })).toMatchObject({ StatusCode: 202 });
    expect(published).toEqual([]);
    await until('the message', () => published.length === 1);
    expect(JSON.parse(String(published[0]?.Message))).toMatchObject({
      requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 3 },
      requestPayload: { fail: true },
      responsePayload: { errorType: 'BookBusy' },
    });
  });
});

describe('refused', () => {
  test('what is not there, not JSON, too large, or not modelled', async () => {
    await start();
    await expect(invoke({}, { FunctionName: 'g' })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'Function not found: arn:aws:lambda:us-east-1:111111111111:function:g',
    });
    await expect(invoke({}, { Payload: 'no json' })).rejects.toMatchObject({ name: 'InvalidRequestContentException' });
    await expect(invoke('x'.repeat(7 * 1024 * 1024))).rejects.toMatchObject({ name: 'RequestTooLargeException' });
    await expect(invoke({}, { LogType: 'Tail' })).rejects.toThrow('not modelled');
    expect(() => create('AWS::Lambda::Function', { Runtime: 'python3.13' })).toThrow("'python3.13'");
    expect(() => create('AWS::Lambda::Function', { Runtime: 'nodejs24.x', Code: { ZipFile: '…' } })).toThrow('not an asset');
  });

  test('a function is found by name, partial ARN, ARN, version and alias', async () => {
    await start();
    const version = await create('AWS::Lambda::Version', { FunctionName: 'f' });
    const alias = await create('AWS::Lambda::Alias', { FunctionName: 'f', Name: 'live' });
    for (const name of [
      'f',
      'f:live',
      '111111111111:function:f',
      'arn:aws:lambda:us-east-1:111111111111:function:f',
      version.ref,
      alias.ref,
    ]) {
      expect((await invoke({}, { FunctionName: name })).payload.name).toBe('f');
    }
  });
});

test('no process outlives a rehearsal that dies abruptly', async () => {
  await start();
  const environmentModule = pathToFileURL(path.resolve('rehearsal/lambda/environment.ts')).href;
  const parent = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `const { ExecutionEnvironment } = await import(${JSON.stringify(environmentModule)});
       const code = { functionArn: 'a', codeDirectory: ${JSON.stringify(directory)}, handler: 'index.handler' };
       const environment = await ExecutionEnvironment.start({ ...code, variables: {}, memoryMb: 128, onLine() {} });
       const { payload } = await environment.invoke({ requestId: 'r', event: '{}', timeoutSeconds: 5 });
       console.log(String(JSON.parse(payload).pid));
       setInterval(() => {}, 1000);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString()))));
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await until('the process is gone', () => !isAlive(pid));
  } finally {
    parent.kill('SIGKILL');
  }
});
