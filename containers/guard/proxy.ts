/**
 * For a bot that cannot be changed: a proxy to the venue's order hosts that passes bytes only while the lease is held.
 *
 * It knows CONNECT alone. TLS goes through untouched: the proxy sees which host is asked for, and bytes. Each chunk towards the
 * venue is checked against the lease on its way, so nothing passes after the lease's end, even if this process or the bot stood
 * still meanwhile. At the end of the lease, or when it is handed over, every tunnel is reset, and what was not sent yet is thrown
 * away. What had left this host by then is bounded by the network alone: such an order carries no expiry that the venue enforces.
 * So at a hand-over the proxy waits, after the last byte, as long as a request may live that does carry one.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { LeaseView } from '../../lib/contracts/guard-api.ts';
import { permitLongestMs, venueUncertaintyMaxMs } from '../../lib/lease/permits.ts';
import type { Guard, GuardOptions } from './guard.ts';

export interface OrderProxyOptions extends Pick<GuardOptions, 'monotonicNs' | 'after' | 'log'> {
  readonly guard: Pick<Guard, 'follow' | 'drained' | 'metrics'>;
  /** Exactly these, `host:port` each; nothing else is reached. */
  readonly hosts: ReadonlySet<string>;
}

interface Tunnel {
  readonly client: Socket;
  readonly venue: Socket;
}

const tunnelsMax = 100;
const connectTimeoutMs = 5000;
/** After the last byte that left: no shorter than a request may live that the venue bounds. */
const onTheWireMs = permitLongestMs + venueUncertaintyMaxMs;

type RefusedFor = 'host' | 'not-held' | 'too-many' | 'unreachable';

export class OrderProxy {
  readonly #options: OrderProxyOptions;
  readonly #tunnels = new Set<Tunnel>();
  readonly #unfollow: () => void;
  readonly server: Server;
  #openUntilNs: bigint | undefined;
  #lastByteNs: bigint | undefined;
  #drain = 0;
  #cancelEnd: () => void = () => undefined;
  #cancelWord: () => void = () => undefined;

  constructor(options: OrderProxyOptions) {
    this.#options = options;
    this.server = createServer((request, response) => {
      const message = `this is a proxy for CONNECT only, seen ${request.method}: give it to the bot as its HTTPS proxy\n`;
      response.writeHead(405, { allow: 'CONNECT', 'content-type': 'text/plain' }).end(message);
    });
    this.server.on('connect', (request: IncomingMessage, client: Duplex, head: Buffer) => this.#connect(request, client as Socket, head));
    options.guard.metrics.tunnels(() => this.#tunnels.size);
    this.#unfollow = options.guard.follow((view) => this.#see(view));
  }

  close(): void {
    this.#openUntilNs = undefined;
    this.#cutAll();
    this.#cancelEnd();
    this.#cancelWord();
    this.#unfollow();
    this.server.close();
  }

  #see(view: LeaseView): void {
    const { after, monotonicNs } = this.#options;
    this.#cancelEnd();
    this.#openUntilNs = view.state === 'held' && view.validUntilNs !== null ? BigInt(view.validUntilNs) : undefined;
    if (this.#openUntilNs === undefined) {
      this.#cutAll();
    } else {
      const restMs = Number(this.#openUntilNs - monotonicNs()) / 1e6;
      this.#cancelEnd = after(Math.max(0, Math.ceil(restMs)), () => this.#cutAll());
    }
    if (view.state === 'draining' && view.epoch !== null && view.drain !== this.#drain) this.#saveWord(view, view.epoch);
  }

  /** Says that this connection is drained, once nothing that it passed can still be on its way. */
  #saveWord({ drain, lane }: LeaseView, epoch: number): void {
    const { after, monotonicNs, guard } = this.#options;
    this.#drain = drain;
    this.#cancelWord();
    const sinceMs = this.#lastByteNs === undefined ? Infinity : Number(monotonicNs() - this.#lastByteNs) / 1e6;
    this.#cancelWord = after(Math.max(0, onTheWireMs - sinceMs), () => guard.drained({ epoch, drain, lane }));
  }

  #isOpen(): boolean {
    return this.#openUntilNs !== undefined && this.#options.monotonicNs() < this.#openUntilNs;
  }

  #connect(request: IncomingMessage, client: Socket, head: Buffer): void {
    client.on('error', () => client.destroy());
    const target = (request.url ?? '').toLowerCase();
    if (!this.#options.hosts.has(target)) return this.#forbid(client, target);
    if (!this.#isOpen()) return this.#refuse(client, 'not-held');
    if (this.#tunnels.size >= tunnelsMax) return this.#refuse(client, 'too-many');
    const at = target.lastIndexOf(':');
    const venue = connect({ host: target.slice(0, at), port: Number(target.slice(at + 1)), noDelay: true });
    const tunnel: Tunnel = { client, venue };
    this.#tunnels.add(tunnel);
    let connected = false;
    const end = (): void => {
      this.#tunnels.delete(tunnel);
      venue.destroy();
      client.destroy();
    };
    venue.setTimeout(connectTimeoutMs, () => venue.destroy(new Error('no connection in time')));
    venue.on('error', (error) => {
      this.#tunnels.delete(tunnel);
      if (connected) return end();
      this.#options.log('warn', 'the venue cannot be reached through the proxy', { target, error: error.message });
      this.#refuse(client, 'unreachable');
    });
    venue.on('connect', () => {
      if (!this.#isOpen()) return this.#cut(tunnel);
      connected = true;
      venue.setTimeout(0);
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      if (head.length > 0) this.#pass(tunnel, head);
      client.on('data', (chunk: Buffer) => this.#pass(tunnel, chunk));
      client.on('end', () => venue.end());
      client.on('close', end);
      venue.on('drain', () => client.resume());
      venue.on('close', end);
      venue.pipe(client);
    });
  }

  /** Towards the venue. */
  #pass(tunnel: Tunnel, chunk: Buffer): void {
    if (!this.#isOpen()) return this.#cut(tunnel);
    this.#lastByteNs = this.#options.monotonicNs();
    if (!tunnel.venue.write(chunk)) tunnel.client.pause();
  }

  #cutAll(): void {
    if (this.#tunnels.size > 0) this.#options.log('info', 'tunnels to the venue cut', { count: this.#tunnels.size });
    for (const tunnel of this.#tunnels) this.#cut(tunnel);
  }

  /** A reset throws away what this host has not sent yet; an orderly end would send it. */
  #cut(tunnel: Tunnel): void {
    this.#tunnels.delete(tunnel);
    tunnel.venue.resetAndDestroy();
    tunnel.client.destroy();
  }

  /** What passes by itself is a reset: every client takes it for an error at once, while ccxt waits for its time-out on an answer. */
  #refuse(client: Socket, reason: RefusedFor): void {
    this.#options.guard.metrics.refusedTunnels.inc({ reason });
    client.resetAndDestroy();
  }

  /** What a person must set right is said. */
  #forbid(client: Socket, target: string): void {
    this.#options.guard.metrics.refusedTunnels.inc({ reason: 'host' satisfies RefusedFor });
    const text = `${target} is none of the order hosts of this book: only those are reached through this proxy\n`;
    const headers = `content-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close`;
    client.end(`HTTP/1.1 403 Forbidden\r\n${headers}\r\n\r\n${text}`);
  }
}
