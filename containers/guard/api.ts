/**
 * The guard's HTTP API on localhost; README.md documents it, lib/contracts/guard-api.ts types it.
 *
 * On node:http alone: a framework on web-standard requests loads Node's fetch with it, which costs more memory than all the
 * rest of the guard's own code.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type * as z from 'zod/mini';
import { Drained, HaltRequest, TraderStatus } from '../../lib/contracts/guard-api.ts';
import type { Guard } from './guard.ts';

/** A status with all its gauges is a few kilobytes. */
const bodyBytesMax = 64 * 1024;
/** A reader of the stream this far behind is not reading: it is cut off and may come back. */
const unreadBytesMax = 64 * 1024;
/** Bots keep their connection from one order to the next. */
const keepAliveMs = 75_000;

type Answer = { readonly status: number; readonly body?: unknown };
type Route = (request: IncomingMessage, response: ServerResponse) => Answer | Promise<Answer> | undefined;

/** What is wrong with a request. */
class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function guardApi(guard: Guard): Server {
  const routes: Readonly<Record<string, Route>> = {
    'GET /v1/lease': () => ({ status: 200, body: guard.view() }),
    'GET /v1/lease/stream': (_request, response) => stream(guard, response),
    'POST /v1/permits': () => {
      const permit = guard.permit();
      return { status: 'error' in permit ? 409 : 201, body: permit };
    },
    'POST /v1/status': async (request) => {
      const status = await bodyOf(request, TraderStatus);
      const problem = guard.metrics.problemWith(status.gauges ?? {});
      if (problem !== undefined) throw new Refusal(400, 'bad-input', problem);
      guard.takeStatus(status);
      return { status: 204 };
    },
    'POST /v1/drained': async (request) => {
      guard.drained(await bodyOf(request, Drained));
      return { status: 204 };
    },
    'POST /v1/venue-clock-doubted': () => {
      guard.venueClockDoubted();
      return { status: 204 };
    },
    'POST /v1/halt': async (request) => {
      const wanted = await bodyOf(request, HaltRequest);
      const halted = guard.halt(wanted);
      if (halted !== undefined) return { status: halted ? 200 : 202, body: { halted } };
      throw new Refusal(409, 'not-held', `epoch ${wanted.epoch} is not this instance's: whoever has the book now finds out by itself`);
    },
    'GET /v1/venue-key': (_request, response) => {
      const key = guard.venueKey;
      if (key === undefined) throw new Refusal(503, 'no-key', "no key of the venue is proved yet: follow the stream until a view has 'venueKey'");
      response.setHeader('cache-control', 'no-store');
      return { status: 200, body: { version: key.version, key: Object.fromEntries([...key.texts].map(([name, text]) => [name, text.reveal()])) } };
    },
    'GET /healthz': () => {
      const health = guard.health();
      return { status: health.healthy ? 200 : 503, body: health };
    },
    'GET /metrics': async (_request, response) => {
      response.setHeader('content-type', 'text/plain; version=0.0.4');
      return { status: 200, body: await guard.metrics.expose() };
    },
  };

  return createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
    response.on('error', () => undefined);
    answer(routes, request, response).catch(() => response.destroy());
  });
}

async function answer(routes: Readonly<Record<string, Route>>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = ''] = (request.url ?? '').split('?');
  let given: Answer | undefined;
  try {
    const route = routes[`${request.method} ${path}`];
    if (route === undefined) throw new Refusal(404, 'not-found', `no ${request.method} ${path} here: see the guard's README for its API`);
    given = await route(request, response);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const refused = error instanceof Refusal;
    given = { status: refused ? error.status : 500, body: { error: refused ? error.code : 'internal', message } };
    // What is left of a body that nobody reads would be taken for the next request.
    if (refused && error.status === 413) response.setHeader('connection', 'close');
  }
  if (given === undefined) return;
  const { status, body } = given;
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  if (text !== '' && !response.hasHeader('content-type')) response.setHeader('content-type', 'application/json');
  if (status !== 204) response.setHeader('content-length', Buffer.byteLength(text));
  response.writeHead(status).end(text);
  request.resume();
}

function stream(guard: Guard, response: ServerResponse): undefined {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  const stop = guard.follow((view) => {
    response.write(`${JSON.stringify(view)}\n`);
    if (response.writableLength > unreadBytesMax) response.destroy();
  });
  response.on('close', stop);
}

async function bodyOf<Schema extends z.ZodMiniType>(request: IncomingMessage, schema: Schema): Promise<z.infer<Schema>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) {
      throw new Refusal(413, 'too-large', `the body is larger than ${bodyBytesMax} bytes: send less, fewer gauges for example`);
    }
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString();
  const refusal = (problem: string): Refusal =>
    new Refusal(400, 'bad-input', `${problem}; seen: ${text.slice(0, 200)}. See the guard's README for what ${request.url} wants.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refusal('the body is not JSON');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const wanted = 'expected' in issue ? `wanted ${issue.expected}` : issue.message;
    return `${issue.path.join('.') || 'body'}: ${wanted}`;
  });
  throw refusal(problems.join('; '));
}
