/**
 * The network between a task's containers and what they talk to, so that it can be cut: each container reaches each of its
 * targets through a relay of its own on 127.0.0.1. A relay carries bytes, or it drops them: then nothing arrives, nothing is
 * answered and nothing is refused, as behind a broken switch. What was on its way when it was cut is lost.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { listenLocally } from './listen.ts';

/** What a container may be cut from. */
export type Target = 'aws' | 'venue' | 'redis' | 'postgres';

/** Which of a container's variables say where a target is: one with a URL, or one with a host and one with a port. */
const variablesOf: Readonly<Record<Target, { readonly url: string } | { readonly host: string; readonly port: string }>> = {
  aws: { url: 'AWS_ENDPOINT_URL' },
  venue: { url: 'BATON_VENUE_URL' },
  redis: { host: 'BATON_REDIS_HOST', port: 'BATON_REDIS_PORT' },
  postgres: { host: 'BATON_DATABASE_HOST', port: 'BATON_DATABASE_PORT' },
};

/** Every field that is given must fit. */
export interface Cut {
  readonly target: Target;
  /** As the launcher names it. */
  readonly task?: string;
  readonly container?: string;
}

interface Relay extends Required<Cut> {
  readonly server: Server;
  readonly pairs: Set<readonly [Socket, Socket]>;
}

export class Routes {
  readonly #relays: Relay[] = [];
  readonly #cuts = new Set<Cut>();

  /** The container's environment, with each target behind a relay. */
  async through(task: string, container: string, environment: Readonly<Record<string, string>>): Promise<Record<string, string>> {
    const routed = { ...environment };
    for (const [target, variables] of Object.entries(variablesOf) as [Target, (typeof variablesOf)[Target]][]) {
      if ('url' in variables) {
        const url = environment[variables.url];
        if (url === undefined) continue;
        const { hostname, port } = new URL(url);
        routed[variables.url] = `http://127.0.0.1:${await this.#relay({ target, task, container }, hostname, Number(port))}`;
      } else {
        const host = environment[variables.host];
        if (host === undefined) continue;
        routed[variables.host] = '127.0.0.1';
        routed[variables.port] = String(await this.#relay({ target, task, container }, host, Number(environment[variables.port])));
      }
    }
    return routed;
  }

  /** Cuts what is there and what comes later, until the answer is called. */
  cut(cut: Cut): () => void {
    this.#cuts.add(cut);
    for (const relay of this.#relays.filter((each) => fits(cut, each))) for (const pair of relay.pairs) silence(pair);
    return () => {
      this.#cuts.delete(cut);
      // Their ends find out that the other is gone, and connect anew.
      for (const relay of this.#relays.filter((each) => fits(cut, each))) for (const pair of relay.pairs) end(pair);
    };
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#relays.splice(0).map(
        (relay) =>
          new Promise<void>((resolve) => {
            relay.server.close(() => resolve());
            for (const pair of relay.pairs) end(pair);
          }),
      ),
    );
  }

  async #relay(about: Required<Cut>, host: string, port: number): Promise<number> {
    const pairs: Relay['pairs'] = new Set();
    const server = createServer((near) => {
      const far = connect({ host, port, noDelay: true });
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
      if ([...this.#cuts].some((cut) => fits(cut, about))) silence(pair);
    });
    this.#relays.push({ ...about, server, pairs });
    return listenLocally(server);
  }
}

function fits({ target, task, container }: Cut, relay: Required<Cut>): boolean {
  return target === relay.target && (task === undefined || task === relay.task) && (container === undefined || container === relay.container);
}

/** Reads on, so that the sender's writes seem to leave, and passes nothing. */
function silence(pair: readonly [Socket, Socket]): void {
  for (const socket of pair) {
    socket.unpipe();
    socket.resume();
  }
}

function end(pair: readonly [Socket, Socket]): void {
  for (const socket of pair) socket.destroy();
}
