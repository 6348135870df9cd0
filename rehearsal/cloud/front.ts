/**
 * The AWS front: one HTTP server on 127.0.0.1 for every service and Region. Unmodified SDK clients and the AWS
 * CLI talk to it when AWS_ENDPOINT_URL names it. The credential scope of a request's signature says which
 * service, which Region and whose key; the signature itself is not checked, the key is.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';

import { unknownKey } from '../permissions/refusal.ts';
import { listenLocally } from '../processes/listen.ts';
import { UnavailableError } from '../unavailable.ts';
import { AwsError, RegionDarkError } from './model.ts';
import { callerIdentity, presigner } from './presigned.ts';
import { ServiceProtocol, type WireRequest, type WireResponse } from './protocol.ts';
import { loadSdk, sdkClients } from './sdk-clients.ts';
import type { CloudWorld } from './world.ts';

export interface Front {
  readonly endpoint: string;
  /** A URL that takes one PUT, as the presigned URLs of CloudFormation's custom resources do, and what was put there. */
  presignedPut(): { readonly url: string; readonly body: Promise<string> };
  /** Who answers what nobody signed: a browser signs nothing. Until then it is refused. */
  answerUnsigned(handler: (request: IncomingMessage, response: ServerResponse) => void): void;
  close(): Promise<void>;
}

export interface FrontOptions {
  /** Of the system's choice when not said. */
  readonly port?: number | undefined;
}

/** Of who is not there to be answered, or of a host that is not. */
const noAnswer = (): Promise<never> => new Promise(() => undefined);
const presignedPath = '/presigned/';

export async function startFront(world: CloudWorld, { port }: FrontOptions = {}): Promise<Front> {
  const protocols = new Map<string, ServiceProtocol>();
  const models = world.models().filter((model) => sdkClients[model.service]);
  await Promise.all(models.map(async ({ service }) => protocols.set(service, new ServiceProtocol(service, await loadSdk(service)))));

  const puts = new Map<string, (body: string) => void>();
  let unsigned: Parameters<Front['answerUnsigned']>[0] | undefined;
  const server = createServer((request, response) => {
    if (unsigned !== undefined && !isForAws(request)) return unsigned(request, response);
    answer(request)
      .catch((error: unknown): WireResponse => ({ status: 500, headers: { 'content-type': 'text/plain' }, body: describe(error) }))
      .then(({ status, headers, body }) => response.writeHead(status, headers).end(body))
      .catch((error: unknown) => abandon(response, error));
  });
  // Longer than any client keeps a socket idle: who closes first must not be this side, or a request is lost.
  server.keepAliveTimeout = 60_000;
  const endpoint = `http://127.0.0.1:${await listen(server, port)}`;
  world.setEndpoint(endpoint);

  async function answer(message: IncomingMessage): Promise<WireResponse> {
    const request = await readRequest(message);
    // Who waited in vain has gone and asked again. To do what nobody waits for any more keeps a busy machine from ever coming to
    // what somebody does. That a connection has ended is read one turn of the event loop after what came before it.
    await setImmediate();
    await setImmediate();
    if (message.socket.destroyed || message.socket.readableEnded) return noAnswer();
    const put = puts.get(request.path);
    if (put && request.method === 'PUT') {
      puts.delete(request.path);
      put(request.body.toString());
      return { status: 200, headers: {}, body: '' };
    }
    if (request.query.has('X-Amz-Signature')) return answerPresigned(request);
    const scope = /Credential=([^/]+)\/\d+\/([^/]+)\/([^/]+)\//.exec(request.headers.authorization ?? '');
    if (!scope) return plain(403, `${request.method} ${request.path} is not signed: every request to the local AWS needs an access key`);
    const [, accessKeyId = '', region = '', service = ''] = scope;
    const protocol = protocols.get(service);
    if (!protocol) return notModelled(`the service '${service}' is not modelled in this rehearsal (${request.method} ${request.path})`);
    const requestId = world.uniqueId(32);
    const spoken = protocol.spoken(request);
    const respond = (wire: WireResponse): WireResponse => ({ ...wire, headers: { ...wire.headers, 'x-amzn-requestid': requestId } });
    const match = protocol.match(request);
    try {
      if (!match) {
        const asked = String(request.headers['x-amz-target'] ?? `${request.method} ${request.path}`);
        throw new AwsError('NotImplemented', `the service '${service}' has no operation for ${asked}`, { fault: 'server' });
      }
      const { operation } = match;
      const caller = world.callerByAccessKey(accessKeyId);
      const token = request.headers['x-amz-security-token'];
      if (!caller || !world.isTokenOf(accessKeyId, token === undefined ? undefined : String(token))) throw unknownKey(service);
      const input = await protocol.decode(match, request);
      const output = await world.call({ service, operation: operation.name, region, caller, input });
      if (world.outageOf(region) === 'dark') throw new RegionDarkError(region);
      return respond(await protocol.encode(match, (output ?? {}) as Record<string, unknown>, requestId));
    } catch (error) {
      // As the front is all Regions' in one, it takes the connection; then nothing comes, as from a host that is gone.
      if (error instanceof RegionDarkError) return noAnswer();
      if (!(error instanceof AwsError))
        world.log(`${service}:${match?.operation.name ?? request.path} failed inside the model`, { error: describe(error) });
      const asked = error instanceof AwsError ? error : new AwsError('InternalFailure', describe(error), { fault: 'server' });
      const wire = await protocol.encodeError(asked, requestId, spoken);
      return respond(asked.name === 'NotImplemented' ? { ...wire, status: 501 } : wire);
    }
  }

  /** `GetCallerIdentity` is all that anybody signs in an address here; STS answers in JSON whoever asks for that. */
  function answerPresigned({ method, query, headers }: WireRequest): WireResponse {
    const isIdentity = query.get('Action') === 'GetCallerIdentity' && headers.accept === 'application/json';
    if (!isIdentity) return notModelled(`presigned requests are modelled for GetCallerIdentity in JSON only (${method} ${query.get('Action')})`);
    const accessKeyId = presigner({ method, query, headers }, (key) => world.secretAccessKeyOf(key), world.now());
    const caller = accessKeyId === undefined ? undefined : world.callerByAccessKey(accessKeyId);
    if (caller === undefined) return plain(403, 'SignatureDoesNotMatch');
    const answered = { GetCallerIdentityResponse: { GetCallerIdentityResult: callerIdentity(world.accountId, caller) } };
    return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(answered) };
  }

  return {
    endpoint,
    presignedPut() {
      const path = `${presignedPath}${world.uniqueId(32)}`;
      const body = new Promise<string>((resolve) => puts.set(path, resolve));
      return { url: `${endpoint}${path}`, body };
    },
    answerUnsigned(handler) {
      unsigned = handler;
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function listen(server: Server, port: number | undefined): Promise<number> {
  try {
    return await listenLocally(server, port);
  } catch (error) {
    throw new UnavailableError(`the local AWS cannot listen on port ${port ?? 0}: ${describe(error)}. Choose another port, or let the system choose.`, {
      cause: error,
    });
  }
}

/** Signed in its header or in its address, or one of the addresses that were given out. */
function isForAws({ headers, url = '' }: IncomingMessage): boolean {
  return headers.authorization !== undefined || url.startsWith(presignedPath) || url.includes('X-Amz-Signature=');
}

async function readRequest(message: IncomingMessage): Promise<WireRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  let body = Buffer.concat(chunks);
  const encodings = message.headers['content-encoding'] ?? '';
  const signedInChunks = String(message.headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING');
  if (encodings.includes('aws-chunked') || signedInChunks) body = joinSignedChunks(body);
  if (encodings.includes('gzip')) body = gunzipSync(body);
  const url = new URL(message.url ?? '/', 'http://front');
  return { method: message.method ?? '', path: url.pathname, query: url.searchParams, headers: message.headers, body };
}

/** The aws-chunked body: `<hex length>[;signature]CRLF <bytes> CRLF`, ended by a chunk of length 0. */
function joinSignedChunks(body: Buffer): Buffer<ArrayBuffer> {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = body.indexOf('\r\n', at);
    const length = Number.parseInt(body.subarray(at, lineEnd).toString(), 16);
    if (lineEnd < 0 || !length) return Buffer.concat(parts);
    parts.push(body.subarray(lineEnd + 2, lineEnd + 2 + length));
    at = lineEnd + 2 + length + 2;
  }
}

function plain(status: number, message: string): WireResponse {
  return { status, headers: { 'content-type': 'text/plain' }, body: message };
}

/** In JSON, which most clients read, for nobody knows which protocol this one speaks. */
function notModelled(message: string): WireResponse {
  return { status: 501, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ __type: 'NotImplemented', message }) };
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function abandon(response: ServerResponse, error: unknown): void {
  response.destroy(error instanceof Error ? error : new Error(String(error)));
}
