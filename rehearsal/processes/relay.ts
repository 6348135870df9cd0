/**
 * An address on 127.0.0.1 that carries bytes to wherever it leads at the time, so that what listens behind it can move, and so
 * that the way there can be cut: then nothing arrives, nothing is answered and nothing is refused, as behind a broken switch.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { listenLocally } from './listen.ts';

export interface Destination {
  readonly host: string;
  readonly port: number;
  /** From which of this machine's addresses; whichever it chooses when not said. */
  readonly localAddress?: string;
}

type Pair = readonly [near: Socket, far: Socket];
/** Both ways, or what is asked alone: then answers to what was asked before still come. */
type Silence = 'both' | 'requests';

interface Leads {
  to: Destination | undefined;
  silent: Silence | undefined;
}

export class Relay {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #server: Server;
  readonly #pairs: Set<Pair>;
  readonly #leads: Leads;

  private constructor(server: Server, port: number, pairs: Set<Pair>, leads: Leads) {
    this.#server = server;
    this.port = port;
    this.#pairs = pairs;
    this.#leads = leads;
  }

  static async open(to?: Destination): Promise<Relay> {
    const pairs = new Set<Pair>();
    const leads: Leads = { to, silent: undefined };
    const server = createServer((near) => carry(near, leads, pairs));
    return new Relay(server, await listenLocally(server), pairs, leads);
  }

  /** From now on it leads there, or nowhere: then connections are refused. Those that there are end. */
  lead(to: Destination | undefined): void {
    this.#leads.to = to;
    this.#endAll();
  }

  /** What was on its way is lost; both ends believe that they are still connected. */
  silence(way: Silence = 'both'): void {
    this.#leads.silent = way;
    for (const pair of this.#pairs) silence(pair, way);
  }

  /** The ends of what was silenced find out that the other is gone, and connect anew. */
  restore(): void {
    this.#leads.silent = undefined;
    this.#endAll();
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#endAll();
    });
  }

  #endAll(): void {
    for (const pair of this.#pairs) end(pair);
  }
}

function carry(near: Socket, { to, silent }: Leads, pairs: Set<Pair>): void {
  near.on('error', () => near.destroy());
  if (to === undefined) {
    near.destroy();
    return;
  }
  const far = connect({ ...to, noDelay: true });
  near.setNoDelay(true);
  const pair = [near, far] as const;
  pairs.add(pair);
  for (const socket of pair) {
    socket.on('error', () => end(pair));
    socket.on('close', () => {
      end(pair);
      pairs.delete(pair);
    });
  }
  near.pipe(far);
  far.pipe(near);
  if (silent !== undefined) silence(pair, silent);
}

/** Reads on, so that the sender's writes seem to leave, and passes nothing. */
function silence([near, far]: Pair, way: Silence): void {
  for (const socket of way === 'both' ? [near, far] : [near]) {
    socket.unpipe();
    socket.resume();
  }
}

function end(pair: Pair): void {
  for (const socket of pair) socket.destroy();
}
