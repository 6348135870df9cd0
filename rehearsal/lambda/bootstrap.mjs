/**
 * The runtime inside a Lambda process: asks the Runtime API for the next event, calls the handler, answers.
 * Plain JavaScript, so that no cold start pays for type stripping.
 * Protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import http from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true });

// The other end of this pipe is the rehearsal: when it is gone, however it went, so is this process.
process.stdin
  .on('end', () => process.exit(0))
  .on('error', () => process.exit(0))
  .resume();

function call(method, resource, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host, port, method, path: `/2018-06-01/runtime/${resource}`, agent, headers: { 'content-type': 'application/json' } },
      (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk)).on('error', reject);
        response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
      },
    );
    request.on('error', reject).end(body);
  });
}

function describe(error) {
  const isError = error !== null && typeof error === 'object';
  return JSON.stringify({
    errorType: isError ? (error.name ?? 'Error') : typeof error,
    errorMessage: isError ? String(error.message ?? error) : String(error),
    trace: isError && typeof error.stack === 'string' ? error.stack.split('\n') : [],
  });
}

async function loadHandler() {
  const { _HANDLER: handlerName } = process.env;
  const dot = handlerName.lastIndexOf('.');
  const base = path.join(process.env.LAMBDA_TASK_ROOT, handlerName.slice(0, dot));
  let module;
  for (const extension of ['.js', '.mjs', '.cjs']) {
    try {
      module = await import(pathToFileURL(base + extension).href);
      break;
    } catch (error) {
      if (error?.code !== 'ERR_MODULE_NOT_FOUND' || !String(error.message).includes(base + extension)) throw error;
    }
  }
  if (module === undefined)
    throw Object.assign(new Error(`Error: Cannot find module '${path.basename(base)}'`), { name: 'Runtime.ImportModuleError' });
  const exported = handlerName.slice(dot + 1);
  const handler = module[exported] ?? module.default?.[exported];
  if (typeof handler !== 'function')
    throw Object.assign(new Error(`${handlerName} is undefined or not exported`), { name: 'Runtime.HandlerNotFound' });
  return handler;
}

let handler;
try {
  handler = await loadHandler();
} catch (error) {
  await call('POST', 'init/error', describe(error));
  process.exit(1);
}

for (;;) {
  const { headers, body } = await call('GET', 'invocation/next');
  const requestId = headers['lambda-runtime-aws-request-id'];
  const deadlineMs = Number(headers['lambda-runtime-deadline-ms']);
  Object.assign(process.env, { _X_AMZN_TRACE_ID: headers['lambda-runtime-trace-id'] });
  const context = {
    awsRequestId: requestId,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
  };
  let outcome;
  try {
    outcome = ['response', JSON.stringify((await handler(JSON.parse(body), context)) ?? null)];
  } catch (error) {
    outcome = ['error', describe(error)];
  }
  await call('POST', `invocation/${requestId}/${outcome[0]}?maxRssKb=${process.resourceUsage().maxRSS}`, outcome[1]);
}
