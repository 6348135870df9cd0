/**
 * What runs in a Region's network reaches a venue from the Region's fixed address, as through its NAT gateway, so that the venue really
 * judges where a request came from. All of 127/8 is this machine's: the addresses are of it (services/ec2.ts).
 */
import { Relay } from './relay.ts';

/** Nobody listens on it: tcpmux, which no system has. */
const nowhere = 'http://127.0.0.1:1';

export class Egress {
  readonly #outside: Readonly<Record<string, string>>;
  readonly #addressOf: (region: string) => Promise<string | undefined>;
  /** By Region and by what it leads to. */
  readonly #relays = new Map<string, Promise<Relay>>();

  /** @param outside addresses outside the account, as variables have them, and what stands for them on this machine */
  constructor(outside: Readonly<Record<string, string>>, addressOf: (region: string) => Promise<string | undefined>) {
    this.#outside = outside;
    this.#addressOf = addressOf;
  }

  /**
   * The same variables, with those that name what is outside leading there; without a Region, from no address of ours. From a network that has no way
   * out they lead to a port on which nobody listens.
   */
  async through(region: string | undefined, variables: Readonly<Record<string, string>>, hasWayOut = true): Promise<Record<string, string>> {
    const led = await Promise.all(Object.entries(variables).map(async ([name, value]) => {
      const to = this.#outside[value];
      if (to === undefined) return [name, value] as const;
      if (!hasWayOut) return [name, nowhere] as const;
      return [name, region === undefined ? to : `http://127.0.0.1:${(await this.#relay(region, to)).port}`] as const;
    }));
    return Object.fromEntries(led);
  }

  async close(): Promise<void> {
    const opened = [...this.#relays.values()];
    this.#relays.clear();
    for (const relay of await Promise.allSettled(opened)) if (relay.status === 'fulfilled') await relay.value.close();
  }

  #relay(region: string, to: string): Promise<Relay> {
    const key = `${region} ${to}`;
    const found = this.#relays.get(key) ?? this.#open(region, new URL(to));
    this.#relays.set(key, found);
    return found;
  }

  async #open(region: string, { hostname, port }: URL): Promise<Relay> {
    const localAddress = await this.#addressOf(region);
    if (localAddress === undefined) throw new Error(`${region} has no NAT gateway: nothing in its network reaches the venue`);
    return Relay.open({ host: hostname, port: Number(port), localAddress });
  }
}
