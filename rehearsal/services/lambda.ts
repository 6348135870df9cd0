/**
 * AWS Lambda: functions run as their synthesized bundles, each execution environment a process of its own.
 * API reference: https://docs.aws.amazon.com/lambda/latest/api/
 */
import type { Egress } from '../processes/egress.ts';
import { compressedMs } from '../clock.ts';
import { AwsError, type Call, type CreatedResource, type ResourceRequest, type ServiceModel, type World } from '../cloud/model.ts';
import { ExecutionEnvironment, type InvocationOutcome } from '../lambda/environment.ts';
import type { Monitoring } from './monitoring.ts';
import { pageOf, type Page } from './pages.ts';

export interface LambdaOptions {
  /** The authority of the rehearsal's servers: stands where Lambda keeps those of RDS. */
  readonly caFile?: string;
  /** Where the code lies that a template names by its S3 key. */
  readonly assetDirectory: (objectKey: string) => string;
  /** Where what it measures goes. */
  readonly measure?: Monitoring['record'];
  /** How functions reach what is outside the account. */
  readonly egress?: Egress;
}

interface LambdaFunction {
  readonly arn: string;
  readonly name: string;
  readonly region: string;
  readonly roleArn: string;
  readonly handler: string;
  readonly codeDirectory: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  readonly variables: Readonly<Record<string, string>>;
  /** Then it reaches what is outside from the Region's fixed addresses. */
  readonly inNetwork: boolean;
  readonly logGroupName: string;
  readonly concurrencyMax: number;
  readonly description: string;
  readonly lastModified: Date;
  readonly aliases: Alias[];
  readonly idle: ExecutionEnvironment[];
  asynchronous: AsynchronousSettings;
  versions: number;
  /** Invocations that run or wait for an environment. */
  inFlight: number;
  /** Settles when every line so far is in the log group: lines keep their order. */
  logWritten: Promise<void>;
}

interface AsynchronousSettings {
  readonly retryAttempts: number;
  readonly onFailureArn?: string;
}

interface InvokeInput {
  readonly FunctionName: string;
  readonly InvocationType?: 'RequestResponse' | 'Event' | 'DryRun';
  readonly LogType?: 'None' | 'Tail';
  readonly Payload?: Uint8Array | string;
  readonly Qualifier?: string;
}

interface ListInput {
  readonly FunctionName?: string;
  readonly Marker?: string;
  readonly MaxItems?: number;
}
interface Alias {
  readonly arn: string;
  readonly name: string;
  readonly version: string;
}
/** "Lambda returns up to 50 items in each response, even if you set the number higher." */
const listMax = 50;

/** What an account without a raised quota has: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html */
const accountConcurrencyMax = 1000;
/** A laptop has no thousand: more invocations at a time than this are throttled as a reserved concurrency would. */
const processesMax = 16;
/** https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html */
const asynchronousRetryDelaysSeconds = [60, 120];
const payloadBytesMax = { RequestResponse: 6 * 1024 * 1024, Event: 1024 * 1024, DryRun: 6 * 1024 * 1024 };
/** Where the runtimes for Node.js keep the authorities of RDS: https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html */
const authoritiesFile = '/var/runtime/ca-cert.pem';
const runtimes: ReadonlySet<string> = new Set(['nodejs24.x']);

export interface LambdaModel extends ServiceModel {
  /** The processes in which a function runs now end, as when their machine fails: what they did is done, and nobody hears of it. */
  kill(region: string, name: string): Promise<void>;
}

export function lambdaModel(world: World, { assetDirectory, caFile, measure, egress }: LambdaOptions): LambdaModel {
  const functions = new Map<string, LambdaFunction>();
  /** With the function that each serves. */
  const environments = new Map<ExecutionEnvironment, LambdaFunction>();
  const asynchronous = new Set<Promise<void>>();
  let closed = false;

  function createFunction({ properties, generatedName, region }: ResourceRequest): CreatedResource {
    const name = String(properties.FunctionName ?? generatedName).slice(0, 64);
    if (!runtimes.has(properties.Runtime)) {
      throw new AwsError(
        'InvalidParameterValueException',
        `The runtime '${properties.Runtime}' of '${name}' is not modelled; modelled are ${[...runtimes].join(', ')}.`,
      );
    }
    const key: unknown = properties.Code?.S3Key;
    if (typeof key !== 'string')
      throw new AwsError(
        'InvalidParameterValueException',
        `The code of '${name}' is not an asset (Code.S3Key); inline code and images are not modelled.`,
      );
    const arn = `arn:aws:lambda:${region}:${world.accountId}:function:${name}`;
    if (!world.mayAssume(String(properties.Role), 'lambda.amazonaws.com', arn)) {
      throw new AwsError('InvalidParameterValueException', 'The role defined for the function cannot be assumed by Lambda.');
    }
    // New code starts in new environments; those that still serve the old one end with their invocation.
    const previous = functions.get(arn);
    for (const environment of previous?.idle.splice(0) ?? []) void end(environment);
    functions.set(arn, {
      arn,
      name,
      region,
      roleArn: String(properties.Role),
      handler: String(properties.Handler),
      codeDirectory: assetDirectory(key),
      timeoutSeconds: Number(properties.Timeout ?? 3),
      memoryMb: Number(properties.MemorySize ?? 128),
      variables: properties.Environment?.Variables ?? {},
      inNetwork: properties.VpcConfig !== undefined,
      logGroupName: String(properties.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`),
      concurrencyMax: Math.min(Number(properties.ReservedConcurrentExecutions ?? accountConcurrencyMax), processesMax),
      description: String(properties.Description ?? ''),
      lastModified: world.now(),
      aliases: [],
      idle: [],
      asynchronous: { retryAttempts: asynchronousRetryDelaysSeconds.length },
      versions: 0,
      inFlight: 0,
      logWritten: Promise.resolve(),
    });
    return { ref: name, attributes: { Arn: arn } };
  }

  function createVersion({ properties, region }: ResourceRequest): CreatedResource {
    const target = functionOf(String(properties.FunctionName), region);
    target.versions += 1;
    return {
      ref: `${target.arn}:${target.versions}`,
      attributes: { Version: String(target.versions), FunctionArn: `${target.arn}:${target.versions}` },
    };
  }

  function createAlias({ properties, region }: ResourceRequest): CreatedResource {
    const target = functionOf(String(properties.FunctionName), region);
    const aliasArn = `${target.arn}:${properties.Name}`;
    target.aliases.push({ arn: aliasArn, name: String(properties.Name), version: String(properties.FunctionVersion) });
    return { ref: aliasArn, attributes: { AliasArn: aliasArn } };
  }

  function createEventInvokeConfig({ properties, region, generatedName }: ResourceRequest): CreatedResource {
    const target = functionOf(String(properties.FunctionName), region);
    const onFailureArn: string | undefined = properties.DestinationConfig?.OnFailure?.Destination;
    target.asynchronous = {
      retryAttempts: Number(properties.MaximumRetryAttempts ?? asynchronousRetryDelaysSeconds.length),
      ...(onFailureArn === undefined ? {} : { onFailureArn }),
    };
    return { ref: generatedName, attributes: {} };
  }

  /** By name, partial ARN or ARN, with or without a qualifier: there is one code per function here, so all mean the same. */
  function functionOf(nameOrArn: string, region: string): LambdaFunction {
    const parts = nameOrArn.split(':');
    const named = parts.indexOf('function');
    const name = named < 0 ? (parts[0] ?? '') : (parts[named + 1] ?? '');
    const home = named > 2 ? (parts[3] ?? region) : region;
    const arn = `arn:aws:lambda:${home}:${world.accountId}:function:${name}`;
    const found = functions.get(arn);
    if (found === undefined) throw new AwsError('ResourceNotFoundException', `Function not found: ${arn}`, { data: { Type: 'User' } });
    return found;
  }

  async function invoke(input: InvokeInput, { region }: Call): Promise<unknown> {
    const target = functionOf(input.FunctionName, region);
    const type = input.InvocationType ?? 'RequestResponse';
    if (input.LogType === 'Tail') throw new AwsError('InvalidParameterValueException', 'LogType Tail is not modelled; read the log group.');
    const event = eventOf(input.Payload, payloadBytesMax[type]);
    if (type === 'DryRun') return { StatusCode: 204 };
    if (type === 'Event') {
      const work = invokeLater(target, event).finally(() => asynchronous.delete(work));
      asynchronous.add(work);
      return { StatusCode: 202 };
    }
    const { outcome } = await run(target, event);
    return {
      StatusCode: 200,
      ExecutedVersion: '$LATEST',
      Payload: Buffer.from(outcome.payload),
      ...(outcome.failed ? { FunctionError: 'Unhandled' } : {}),
    };
  }

  async function run(target: LambdaFunction, event: string): Promise<{ outcome: InvocationOutcome; requestId: string }> {
    await world.whenBack(target.region);
    if (target.inFlight >= target.concurrencyMax) {
      throw new AwsError('TooManyRequestsException', 'Rate Exceeded.', {
        data: { Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded', Type: 'User' },
      });
    }
    target.inFlight += 1;
    const requestId = world.uniqueId(32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    try {
      const environment = target.idle.pop() ?? (await startEnvironment(target));
      const outcome = await environment.invoke({ requestId, event, timeoutSeconds: target.timeoutSeconds });
      if (environment.alive && !closed && functions.get(target.arn) === target) {
        target.idle.push(environment);
      } else {
        await end(environment);
      }
      world.log(`lambda ${target.name}: ${outcome.failed ? 'failed' : 'answered'} in ${outcome.durationMs.toFixed(0)} ms`, {
        requestId,
        ...(outcome.initMs === undefined ? {} : { initMs: Math.round(outcome.initMs) }),
        ...(outcome.failed ? { error: outcome.payload } : {}),
      });
      log(target, reportLine(requestId, target, outcome));
      const measured = { region: target.region, namespace: 'AWS/Lambda', dimensions: { FunctionName: target.name } };
      measure?.({ ...measured, name: 'Errors', value: outcome.failed ? 1 : 0 });
      return { outcome, requestId };
    } finally {
      target.inFlight -= 1;
    }
  }

  async function startEnvironment(target: LambdaFunction): Promise<ExecutionEnvironment> {
    if (closed) throw closing();
    const { accessKeyId, secretAccessKey, sessionToken } = world.credentialsFor(target.roleArn);
    const environment = await ExecutionEnvironment.start({
      functionArn: target.arn,
      codeDirectory: target.codeDirectory,
      handler: target.handler,
      memoryMb: target.memoryMb,
      variables: {
        TZ: ':UTC',
        LANG: 'en_US.UTF-8',
        ...(egress === undefined ? target.variables : await egress.through(target.inNetwork ? target.region : undefined, target.variables)),
        ...(caFile !== undefined && target.variables['NODE_EXTRA_CA_CERTS'] === authoritiesFile && { NODE_EXTRA_CA_CERTS: caFile }),
        AWS_REGION: target.region,
        AWS_DEFAULT_REGION: target.region,
        AWS_ENDPOINT_URL: world.endpoint,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        ...(sessionToken !== undefined && { AWS_SESSION_TOKEN: sessionToken }),
        AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
        AWS_LAMBDA_FUNCTION_NAME: target.name,
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(target.memoryMb),
        AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
        AWS_LAMBDA_LOG_GROUP_NAME: target.logGroupName,
        AWS_LAMBDA_LOG_STREAM_NAME: logStreamName(target),
      },
      onLine: (line) => log(target, line),
    });
    environments.set(environment, target);
    if (closed || world.outageOf(target.region) === 'dark') {
      await end(environment);
      throw closing();
    }
    return environment;
  }

  async function end(environment: ExecutionEnvironment): Promise<void> {
    await environment.close();
    environments.delete(environment);
  }

  /** Asynchronous invocation: tried again after one and two minutes, then handed to the failure destination. */
  async function invokeLater(target: LambdaFunction, event: string): Promise<void> {
    const { retryAttempts, onFailureArn } = target.asynchronous;
    try {
      for (let attempt = 0; ; attempt += 1) {
        const { outcome, requestId } = await run(target, event);
        if (!outcome.failed) return;
        const delaySeconds = asynchronousRetryDelaysSeconds[attempt];
        if (attempt < retryAttempts && delaySeconds !== undefined) {
          const waitedMs = compressedMs(delaySeconds);
          world.log(`lambda ${target.name}: waits before it tries an asynchronous event again`, {
            modelledSeconds: delaySeconds,
            awaitedIn: target.region,
            waitedMs,
          });
          await world.sleep(waitedMs);
          continue;
        }
        if (onFailureArn !== undefined) await deliverFailure(target, onFailureArn, { requestId, event, outcome, attempts: attempt + 1 });
        return;
      }
    } catch (error) {
      if (!closed) world.log(`lambda ${target.name}: an asynchronous event was lost`, { error: String(error) });
    }
  }

  async function deliverFailure(
    target: LambdaFunction,
    destinationArn: string,
    { requestId, event, outcome, attempts }: { requestId: string; event: string; outcome: InvocationOutcome; attempts: number },
  ): Promise<void> {
    const record = JSON.stringify({
      version: '1.0',
      timestamp: world.now().toISOString(),
      requestContext: { requestId, functionArn: `${target.arn}:$LATEST`, condition: 'RetriesExhausted', approximateInvokeCount: attempts },
      requestPayload: JSON.parse(event) as unknown,
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      responsePayload: JSON.parse(outcome.payload) as unknown,
    });
    const service = destinationArn.split(':')[2] ?? '';
    const base = { region: target.region, caller: world.callerFor(target.roleArn) };
    if (service === 'sns')
      await world.call({ ...base, service, operation: 'Publish', input: { TopicArn: destinationArn, Message: record } });
    else if (service === 'lambda')
      await world.call({
        ...base,
        service,
        operation: 'Invoke',
        input: { FunctionName: destinationArn, InvocationType: 'Event', Payload: Buffer.from(record) },
      });
    else throw new Error(`A failure destination of the service '${service}' is not modelled: ${destinationArn}`);
  }

  function log(target: LambdaFunction, message: string): void {
    target.logWritten = target.logWritten.then(() => writeLog(target, message));
  }

  /** The function's log group holds what it printed; a rehearsal without a model of Logs keeps running without. */
  async function writeLog(target: LambdaFunction, message: string): Promise<void> {
    const base = { service: 'logs', region: target.region, caller: world.callerFor(target.roleArn) };
    const names = { logGroupName: target.logGroupName, logStreamName: logStreamName(target) };
    const logEvents = [{ timestamp: world.now().getTime(), message }];
    const call = (operation: string, input: Record<string, unknown>) => world.call({ ...base, operation, input });
    // What is missing is made, the group only when the template has not made it: a role may create no more than it needs.
    const put = () => call('PutLogEvents', { ...names, logEvents });
    const createStream = () => call('CreateLogStream', names);
    const createGroup = () => call('CreateLogGroup', { logGroupName: target.logGroupName });
    try {
      await orAfter(put, () => orAfter(createStream, createGroup));
    } catch (error) {
      world.log(`lambda ${target.name}: ${message}`, { notInLogGroup: String(error) });
    }
  }

  return {
    service: 'lambda',
    operations: {
      Invoke: invoke,
      GetFunction: ({ FunctionName }: { FunctionName: string }, { region }) => {
        const found = functionOf(FunctionName, region);
        const reserved = found.concurrencyMax < processesMax ? { Concurrency: { ReservedConcurrentExecutions: found.concurrencyMax } } : {};
        // Where its code is on this machine; AWS gives a presigned URL of S3.
        return { Configuration: configurationOf(found), Code: { RepositoryType: 'S3', Location: `file://${found.codeDirectory}` }, ...reserved };
      },
      GetFunctionConfiguration: ({ FunctionName }: { FunctionName: string }, { region }) =>
        configurationOf(functionOf(FunctionName, region)),
      ListFunctions: (input: ListInput, { region }) => {
        const { elements, next } = paged([...functions.values()].filter((known) => known.region === region), input, ({ arn }) => arn);
        return { Functions: elements.map(configurationOf), NextMarker: next };
      },
      ListVersionsByFunction: (input: ListInput, { region }) => {
        const found = functionOf(input.FunctionName ?? '', region);
        const numbered = Array.from({ length: found.versions }, (_unused, index) => String(index + 1));
        const { elements, next } = paged(['$LATEST', ...numbered], input, (version) => version);
        const shown = configurationOf(found);
        return { Versions: elements.map((Version) => ({ ...shown, FunctionArn: `${found.arn}:${Version}`, Version })), NextMarker: next };
      },
      ListAliases: (input: ListInput, { region }) => {
        const { elements, next } = paged(functionOf(input.FunctionName ?? '', region).aliases, input, ({ name }) => name);
        return { Aliases: elements.map(({ arn, name, version }) => ({ AliasArn: arn, Name: name, FunctionVersion: version })), NextMarker: next };
      },
    },
    resources: {
      'AWS::Lambda::Function': createFunction,
      'AWS::Lambda::Version': createVersion,
      'AWS::Lambda::Alias': createAlias,
      'AWS::Lambda::EventInvokeConfig': createEventInvokeConfig,
      'AWS::Lambda::Permission': ({ generatedName }) => ({ ref: generatedName, attributes: { Id: generatedName } }),
    },
    async kill(region, name) {
      const target = functionOf(name, region);
      const running = [...environments].filter(([environment, of]) => of === target && !target.idle.includes(environment));
      await Promise.all(running.map(([environment]) => end(environment)));
    },
    async regionLost(region) {
      for (const target of functions.values()) if (target.region === region) target.idle.splice(0);
      await Promise.all([...environments].filter(([, of]) => of.region === region).map(([environment]) => end(environment)));
    },
    async close() {
      closed = true;
      const known = [...functions.values()];
      await Promise.all([...environments.keys()].map(end));
      await Promise.all([...asynchronous, ...known.map(({ logWritten }) => logWritten)]);
    },
  };
}

function closing(): AwsError {
  return new AwsError('ServiceException', 'The rehearsal is closing, or the Region has gone dark.', { fault: 'server' });
}

function paged<Element>(all: readonly Element[], { Marker, MaxItems }: ListInput, keyOf: (element: Element) => string): Page<Element> {
  return pageOf(all, { token: Marker, size: MaxItems, sizeMax: listMax, keyOf, invalidToken: 'InvalidParameterValueException' });
}

function configurationOf(known: LambdaFunction): Record<string, unknown> {
  const { arn, name, description, roleArn, handler, timeoutSeconds, memoryMb, variables, logGroupName, lastModified } = known;
  return {
    Description: description,
    PackageType: 'Zip',
    Environment: { Variables: variables },
    LoggingConfig: { LogGroup: logGroupName },
    LastModified: lastModified.toISOString().replace('Z', '+0000'),
    LastUpdateStatus: 'Successful',
    FunctionName: name,
    FunctionArn: arn,
    Runtime: 'nodejs24.x',
    Role: roleArn,
    Handler: handler,
    Timeout: timeoutSeconds,
    MemorySize: memoryMb,
    State: 'Active',
    Version: '$LATEST',
  };
}

function eventOf(payload: Uint8Array | string | undefined, bytesMax: number): string {
  const text =
    payload === undefined || payload.length === 0 ? '{}' : typeof payload === 'string' ? payload : Buffer.from(payload).toString();
  if (Buffer.byteLength(text) > bytesMax)
    throw new AwsError('RequestTooLargeException', `Request must be smaller than ${bytesMax} bytes for the InvokeFunction operation`, {
      data: { Type: 'User' },
    });
  try {
    JSON.parse(text);
  } catch (error) {
    throw new AwsError('InvalidRequestContentException', `Could not parse request body into json: ${(error as Error).message}`, {
      data: { Type: 'User' },
    });
  }
  return text;
}

function logStreamName({ name }: LambdaFunction): string {
  return `${name}/[$LATEST]`;
}

/** Like the line that Lambda itself writes after each invocation. */
function reportLine(requestId: string, { memoryMb }: LambdaFunction, { durationMs, initMs, maxMemoryMb }: InvocationOutcome): string {
  const figures = [
    `Duration: ${durationMs.toFixed(2)} ms`,
    `Billed Duration: ${Math.ceil(durationMs + (initMs ?? 0))} ms`,
    `Memory Size: ${memoryMb} MB`,
  ];
  if (maxMemoryMb !== undefined) figures.push(`Max Memory Used: ${maxMemoryMb} MB`);
  if (initMs !== undefined) figures.push(`Init Duration: ${initMs.toFixed(2)} ms`);
  return `REPORT RequestId: ${requestId}\t${figures.join('\t')}`;
}

/** Does the work; when something it needs is not there, makes that and does it again. */
async function orAfter(work: () => Promise<unknown>, makeMissing: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof AwsError) || error.name !== 'ResourceNotFoundException') throw error;
    await makeMissing();
    await work();
  }
}
