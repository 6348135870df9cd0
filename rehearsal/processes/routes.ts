/**
 * The network between a task's containers and what they talk to, so that it can be cut: each container reaches each of its
 * targets through a relay of its own (relay.ts). What was on its way when it was cut is lost.
 */
import { Relay } from './relay.ts';

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
  /** Where the container runs. */
  readonly region?: string;
  /** As the launcher names it. */
  readonly task?: string;
  readonly container?: string;
}

interface Route extends Required<Cut> {
  readonly relay: Relay;
}

export class Routes {
  readonly #routes: Route[] = [];
  readonly #cuts = new Set<Cut>();

  /** The container's environment, with each target behind a relay. */
  async through(task: string, container: string, environment: Readonly<Record<string, string>>): Promise<Record<string, string>> {
    const routed = { ...environment };
    const region = environment['AWS_REGION'] ?? '';
    for (const [target, variables] of Object.entries(variablesOf) as [Target, (typeof variablesOf)[Target]][]) {
      if ('url' in variables) {
        const url = environment[variables.url];
        if (url === undefined) continue;
        const { hostname, port } = new URL(url);
        routed[variables.url] = `http://127.0.0.1:${await this.#relay({ target, region, task, container }, hostname, Number(port))}`;
      } else {
        const host = environment[variables.host];
        if (host === undefined) continue;
        routed[variables.host] = '127.0.0.1';
        routed[variables.port] = String(await this.#relay({ target, region, task, container }, host, Number(environment[variables.port])));
      }
    }
    return routed;
  }

  /** Cuts what is there and what comes later, until the answer is called. */
  cut(cut: Cut): () => void {
    this.#cuts.add(cut);
    for (const { relay } of this.#routes.filter((each) => fits(cut, each))) relay.silence();
    return () => {
      this.#cuts.delete(cut);
      for (const route of this.#routes.filter((each) => fits(cut, each) && !this.#isCut(each))) route.relay.restore();
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#routes.splice(0).map(({ relay }) => relay.close()));
  }

  async #relay(about: Required<Cut>, host: string, port: number): Promise<number> {
    const relay = await Relay.open({ host, port });
    if (this.#isCut(about)) relay.silence();
    this.#routes.push({ ...about, relay });
    return relay.port;
  }

  #isCut(about: Required<Cut>): boolean {
    return [...this.#cuts].some((cut) => fits(cut, about));
  }
}

function fits(cut: Cut, route: Required<Cut>): boolean {
  return (Object.keys(cut) as (keyof Cut)[]).every((field) => cut[field] === undefined || cut[field] === route[field]);
}
