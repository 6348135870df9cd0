/**
 * The guard's client for TypeScript bots: follows the guard's stream and hands out permits with no call.
 * On the order path a permit is one comparison and some arithmetic; when the stream breaks, the last
 * validity simply runs out.
 */
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { HaltAnswer, LeaseView, VenueKeyAnswer, type Permit, type PermitRefusal, type TraderStatus } from '../contracts/guard-api.ts';
import type { MonotonicNs } from './model.ts';
import { isHeld, permitFor, termsOf, type PermitTerms } from './permits.ts';

export interface PermitSourceOptions {
  readonly port: number;
  readonly monotonicNs: () => MonotonicNs;
  /** How long the guard may take to answer a status or a drain; it is on the same host. */
  readonly requestTimeoutMs?: number;
}

const reconnectPauseMs = 100;
/** A view is some hundred bytes; whatever is longer than this is no view. */
const viewBytesMax = 64 * 1024;

export class PermitSource {
  readonly #options: PermitSourceOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
  readonly #listeners = new Set<(view: LeaseView) => void>();
  readonly #first = Promise.withResolvers<void>();
  #terms: PermitTerms | undefined;
  #permits = 0;
  #stream: ClientRequest | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  #started = false;
  #closed = false;

  constructor(options: PermitSourceOptions) {
    this.#options = options;
  }

  /** The latest view; undefined before the first. */
  get view(): LeaseView | undefined {
    return this.#terms?.view;
  }

  /** Connects and resolves with the first view; reconnects by itself until `close`. */
  start(): Promise<void> {
    if (!this.#started) {
      this.#started = true;
      this.#connect();
    }
    return this.#first.promise;
  }

  /** Whether orders may be sent at that instant. */
  check(nowNs: MonotonicNs): boolean {
    return this.#terms !== undefined && isHeld(this.#terms, nowNs);
  }

  /** Leave to send one changing request, with the next client order id of this connection's lane. */
  permit(): Permit | PermitRefusal {
    if (this.#terms === undefined) return { error: 'not-held', message: 'the guard has not been heard yet: await start() first' };
    const permit = permitFor(this.#terms, this.#options.monotonicNs(), this.#permits);
    if (!('error' in permit)) this.#permits += 1;
    return permit;
  }

  /** Called at every change and renewal; answers how to stop. */
  onChange(listener: (view: LeaseView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async reportStatus(status: TraderStatus): Promise<void> {
    await this.#post('/v1/status', status);
  }

  /** `drain` as in the view that asked for it. */
  async drained(epoch: number, drain: number): Promise<void> {
    await this.#post('/v1/drained', { epoch, drain, lane: this.view?.lane ?? 0 });
  }

  /** The venue refused a request for its time that was in time by its clock as the view has it: the guard measures it at once. */
  async doubtVenueClock(): Promise<void> {
    await this.#post('/v1/venue-clock-doubted', {});
  }

  /** Nobody must trade until a person has looked. Resolves with whether the table has it; if not yet, ask again. */
  async halt(epoch: number, reason: string): Promise<boolean> {
    return HaltAnswer.parse(JSON.parse(await this.#post('/v1/halt', { epoch, reason }))).halted;
  }

  /** The key that the guard hands over now; a view with another `venueKey` says that there is a new one. */
  async venueKey(): Promise<VenueKeyAnswer> {
    return VenueKeyAnswer.parse(JSON.parse(await this.#call('GET', '/v1/venue-key')));
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#reconnect);
    this.#stream?.destroy();
    this.#agent.destroy();
    this.#first.reject(new Error('the permit source was closed before the guard was heard'));
    this.#first.promise.catch(() => undefined);
  }

  #connect(): void {
    if (this.#closed) return;
    // Not through the agent: the stream stays open, and must not use up the places of short calls.
    const stream = request({ host: '127.0.0.1', port: this.#options.port, path: '/v1/lease/stream', agent: false });
    this.#stream = stream;
    stream.on('response', (response) => this.#follow(response));
    stream.on('error', () => undefined);
    stream.on('close', () => {
      if (this.#closed) return;
      this.#reconnect = setTimeout(() => this.#connect(), reconnectPauseMs);
    });
    stream.end();
  }

  #follow(response: IncomingMessage): void {
    response.setEncoding('utf8');
    response.on('error', () => undefined);
    if (response.statusCode !== 200) {
      response.destroy();
      return;
    }
    let rest = '';
    response.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const view = parseView(line);
        if (view === undefined) response.destroy();
        else this.#take(view);
      }
      if (rest.length > viewBytesMax) response.destroy();
    });
  }

  #take(view: LeaseView): void {
    // A new connection has a lane of its own, and counts anew.
    if (view.lane !== this.#terms?.view.lane) this.#permits = 0;
    this.#terms = termsOf(view);
    this.#first.resolve();
    for (const listener of this.#listeners) listener(view);
  }

  #post(path: string, body: unknown): Promise<string> {
    return this.#call('POST', path, JSON.stringify(body));
  }

  #call(method: 'GET' | 'POST', path: string, text = ''): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const timeout = this.#options.requestTimeoutMs ?? 2000;
    const headers = text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const call = request({ host: '127.0.0.1', port: this.#options.port, path, method, agent: this.#agent, timeout, headers });
    call.on('timeout', () => call.destroy(new Error(`the guard did not answer ${method} ${path} within ${timeout} ms: is it alive?`)));
    call.on('error', reject);
    call.on('response', (response) => {
      response.on('error', reject);
      let answer = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        answer += chunk;
      });
      response.on('end', () => {
        if (response.statusCode !== undefined && response.statusCode < 300) resolve(answer);
        else reject(new Error(`the guard refused ${method} ${path} with ${response.statusCode}: see its README for the body it wants`));
      });
    });
    call.end(text);
    return promise;
  }
}

function parseView(line: string): LeaseView | undefined {
  try {
    return LeaseView.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
