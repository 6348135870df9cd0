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

type Pair = readonly [Socket, Socket];

export class Relay {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #server: Server;
  readonly #pairs: Set<Pair>;
  readonly #leads: { to: Destination | undefined; silent: boolean };

  private constructor(server: Server, port: number, pairs: Set<Pair>, leads: { to: Destination | undefined; silent: boolean }) {
    this.#server = server;
    this.port = port;
    this.#pairs = pairs;
    this.#leads = leads;
  }

  static async open(to?: Destination): Promise<Relay> {
    const pairs = new Set<Pair>();
    const leads = { to, silent: false };
    const server = createServer((near) => carry(near, leads, pairs));
    return new Relay(server, await listenLocally(server), pairs, leads);
  }

  /** From now on it leads there, or nowhere: then connections are refused. Those that there are end. */
  lead(to: Destination | undefined): void {
    this.#leads.to = to;
    this.#endAll();
  }

  /** What was on its way is lost; both ends believe that they are still connected. */
  silence(): void {
    this.#leads.silent = true;
    for (const pair of this.#pairs) silence(pair);
  }

  /** The ends of what was silenced find out that the other is gone, and connect anew. */
  restore(): void {
    this.#leads.silent = false;
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

function carry(near: Socket, { to, silent }: { readonly to: Destination | undefined; readonly silent: boolean }, pairs: Set<Pair>): void {
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
  if (silent) silence(pair);
}

/** Reads on, so that the sender's writes seem to leave, and passes nothing. */
function silence(pair: Pair): void {
  for (const socket of pair) {
    socket.unpipe();
    socket.resume();
  }
}

function end(pair: Pair): void {
  for (const socket of pair) socket.destroy();
}
