/**
 * A small world for the rotation: a venue with keys, a secret in two Regions, the tasks of a book that trade without pause, a scheduler,
 * and virtual time. Every call of the rotation passes `effect`, where it can be crashed before or after it took effect, or interleaved
 * with another. After each one the invariants are looked at.
 */
import { keyCapabilities } from '../../lib/venues/keys/capabilities.ts';
import { isOurs } from '../../lib/venues/keys/key-name.ts';
import { KeyLimitError, KeyRefusedError, VenueUnclearError, type KeyProvider, type ListedKey } from '../../lib/venues/keys/provider.ts';
import { rotationSteps } from '../../lib/key-rotation/rotation.ts';
import type { KeySecret, RosterTask, StoredKey } from '../../lib/key-rotation/ports.ts';
import type { Revocation } from '../../lib/contracts/key-rotation.ts';
import { Secret } from '../../lib/secret.ts';

export const east = 'us-east-1';
export const west = 'us-west-2';
export const graceHours = 24;
export const unusedSeconds = 3600;
export const addresses = ['203.0.113.1', '203.0.113.2'];
/** What signs: in no output. */
export const plantedSecret = 's1gns-orders';
export const firstVersion = 'v0'.padEnd(32, '0');
export const personsKey = 'a key that a person made for something else';

export class Crash extends Error {}

export interface WorldOptions {
  /** Seconds for which the venue neither lists nor takes a key that it has made. */
  readonly forgetsForSeconds?: number;
  readonly keysAtMost?: number;
  /** The venue lets only people make keys. */
  readonly byHand?: boolean;
  /** Lets calls go on one after the other in an order of its own. */
  readonly gate?: (name: string) => Promise<unknown>;
}

interface VenueKeyHeld {
  readonly apiKey: string;
  readonly name: string;
  readonly usableFromSeconds: number;
  addresses: readonly string[];
}
interface Stages {
  current: string;
  pending?: string | undefined;
  previous?: string | undefined;
}
interface RegionSecret {
  isPrimary: boolean;
  stages: Stages;
  values: Map<string, StoredKey>;
}
interface Task {
  readonly instance: string;
  readonly region: string;
  proved?: string;
  uses?: string;
  apiKey: string;
  otherUsedAtSeconds?: number;
}

export class World {
  readonly keys = new Map<string, VenueKeyHeld>();
  readonly secrets = new Map<string, RegionSecret>();
  readonly tasks: Task[] = [];
  readonly scheduled = new Map<string, { revocation: Revocation; at: Date }>();
  /** Names of the calls, in their order. */
  readonly effects: string[] = [];
  readonly deleted: string[] = [];
  home = east;
  seconds = 1_800_000_000;
  /** The call at which the rotation dies, and whether it had taken effect. */
  crash: { at: number; after: boolean } | undefined;
  /** What the next call of this name does instead of answering. */
  readonly surprises = new Map<string, 'throttled' | 'late' | 'refused-address' | 'refused-permission' | 'not-done'>();
  /** Late answers of `create`: the venue makes the key when this is run. */
  readonly underWay: (() => void)[] = [];
  readonly broken: string[] = [];
  /** A task that picks no new version up. */
  stubborn = '';
  /** Runs before a call takes effect, given its number. */
  before: ((call: number) => Promise<void>) | undefined;
  readonly #options: WorldOptions;
  readonly #announced = new Map<string, string>();
  #made = 0;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.keys.set('k-person', { apiKey: 'k-person', name: 'my key', usableFromSeconds: 0, addresses });
    this.keys.set('k-other', { apiKey: 'k-other', name: personsKey, usableFromSeconds: 0, addresses });
    const first: StoredKey = { apiKey: 'k-person', secret: new Secret(plantedSecret), name: '', retires: [] };
    for (const region of [east, west]) {
      this.secrets.set(region, { isPrimary: region === east, stages: { current: firstVersion }, values: new Map([[firstVersion, first]]) });
    }
    for (const [instance, region] of [['one', east], ['two', east], ['three', west]] as const) {
      this.tasks.push({ instance, region, apiKey: 'k-person', proved: firstVersion, uses: firstVersion });
    }
  }

  /** What the rotation of one Region is made of. */
  steps(region = east) {
    return rotationSteps({
      book: 'alpha',
      venue: 'bybit',
      region,
      policy: async () => ({ addresses }),
      graceHours,
      unusedSeconds,
      provider: this.#provider(),
      secret: this.#secret(region),
      roster: {
        announce: (version) => this.#effect('announce', () => void this.#announced.set(region, version)),
        tasks: () => this.#effect('roster', () => this.#roster()),
      },
      schedule: {
        put: (revocation, at) =>
          this.#effect('schedule', () => {
            const there = this.scheduled.get(revocation.proof.version);
            this.scheduled.set(revocation.proof.version, there ?? { revocation, at });
            return there?.at ?? at;
          }),
        due: async (version) => this.scheduled.get(version)?.at,
      },
      home: () => this.#effect('home', () => this.home),
      now: () => new Date(this.seconds * 1000),
      pause: (seconds) => this.#effect('pause', () => this.pass(seconds)),
    });
  }

  /** Time passes, and the tasks go on. */
  pass(seconds: number): void {
    this.seconds += seconds;
    for (const task of this.tasks) this.#tick(task);
    this.#check('as time passed');
  }

  /** The other Region takes over: its replica becomes a secret of its own. */
  failOver(): void {
    this.home = west;
    this.secrets.get(west)!.isPrimary = true;
  }

  current(region = east): StoredKey {
    const { stages, values } = this.secrets.get(region)!;
    return values.get(stages.current)!;
  }

  ours(): string[] {
    return [...this.keys.values()].filter(({ name }) => isOurs(name)).map(({ apiKey }) => apiKey);
  }

  async #effect<T>(name: string, action: () => T): Promise<T> {
    await this.#options.gate?.(name);
    const at = this.effects.push(name);
    await this.before?.(at);
    if (this.crash?.at === at && !this.crash.after) throw new Crash(`before ${name}`);
    const answer = action();
    this.#check(`after ${name}`);
    if (this.crash?.at === at) throw new Crash(`after ${name}`);
    return answer;
  }

  #surprise(name: string): void {
    const surprise = this.surprises.get(name);
    this.surprises.delete(name);
    if (surprise === 'throttled') throw Object.assign(new Error('Rate exceeded'), { name: 'ThrottlingException' });
    if (surprise === 'refused-address') throw new KeyRefusedError('address', 'Unmatched IP');
    if (surprise === 'refused-permission') throw new KeyRefusedError('permission', 'Permission denied');
  }

  #isAlive(apiKey: string): boolean {
    const key = this.keys.get(apiKey);
    return key !== undefined && key.usableFromSeconds <= this.seconds;
  }

  #provider(): KeyProvider {
    const use = ({ apiKey }: { apiKey: string }): void => {
      if (!this.#isAlive(apiKey)) throw new KeyRefusedError('unknown', 'API key is invalid.');
    };
    return {
      capabilities: this.#options.byHand ? keyCapabilities.kraken : { ...keyCapabilities.bybit, keysAtMost: this.#options.keysAtMost ?? 20 },
      create: (name) =>
        this.#effect('create', () => {
          const make = () => {
            this.#made += 1;
            const apiKey = `k${this.#made}`;
            this.keys.set(apiKey, { apiKey, name, addresses, usableFromSeconds: this.seconds + (this.#options.forgetsForSeconds ?? 0) });
            return { apiKey, secret: new Secret(`${plantedSecret} of ${apiKey}`) };
          };
          if (this.keys.size >= (this.#options.keysAtMost ?? 20)) throw new KeyLimitError('limit');
          if (this.surprises.get('create') === 'late') {
            this.surprises.delete('create');
            this.underWay.push(make);
            throw new VenueUnclearError('no answer');
          }
          return make();
        }),
      list: () =>
        this.#effect('list', (): ListedKey[] =>
          [...this.keys.values()]
            .filter(({ usableFromSeconds }) => usableFromSeconds <= this.seconds)
            .map(({ apiKey, name, addresses: bound }) => ({ apiKey, name, addresses: bound, mayMoveMoney: false }))),
      delete: ({ apiKey }) =>
        this.#effect('delete', () => {
          if (this.surprises.get('delete') === 'not-done') return;
          if (this.keys.delete(apiKey)) this.deleted.push(apiKey);
        }),
      proveRead: (key) => this.#effect('proveRead', () => {
        this.#surprise('proveRead');
        use(key);
      }),
      proveTrade: (key) => this.#effect('proveTrade', () => {
        this.#surprise('proveTrade');
        use(key);
      }),
    };
  }

  #secret(region: string): KeySecret {
    const own = (): RegionSecret => this.secrets.get(region)!;
    const write = (change: (secret: RegionSecret) => void): void => {
      this.#surprise('write');
      if (!own().isPrimary) throw new Error('Operation not permitted on a replica secret.');
      change(own());
      for (const replica of this.secrets.values()) {
        if (replica.isPrimary) continue;
        replica.stages = { ...own().stages };
        replica.values = new Map(own().values);
      }
    };
    return {
      see: () => this.#effect('see', () => {
        this.#surprise('see');
        const { isPrimary, stages } = own();
        const { current, pending, previous } = stages;
        return { isPrimary, rotationEnabled: true, current, ...(pending && { pending }), ...(previous && { previous }) };
      }),
      read: (version) => this.#effect('read', () => own().values.get(version)),
      storePending: (version, key) => this.#effect('storePending', () => write(({ values, stages }) => {
        if (!values.has(version)) values.set(version, key);
        if (values.get(version) === key && stages.current !== version) stages.pending = version;
      })),
      promote: (version, insteadOf) => this.#effect('promote', () => write(({ stages }) => {
        if (stages.current === version) return;
        if (stages.current !== insteadOf) throw new Error('the staging label is on another version');
        stages.previous = stages.current;
        stages.current = version;
        stages.pending = undefined;
      })),
      dropPending: (version) => this.#effect('dropPending', () => write(({ stages }) => {
        if (stages.pending === version) stages.pending = undefined;
      })),
    };
  }

  /** Looking takes time, in which tasks read the announced version and prove it. */
  #roster(): RosterTask[] {
    this.pass(2);
    return this.tasks.map(({ instance, proved, uses, otherUsedAtSeconds }) => ({
      instance,
      ...(proved && { proved }),
      ...(uses && { uses }),
      ...(otherUsedAtSeconds !== undefined && { otherUsedSecondsAgo: this.seconds - otherUsedAtSeconds }),
    }));
  }

  #tick(task: Task): void {
    const { stages, values } = this.secrets.get(task.region)!;
    if (task.uses === stages.current || task.instance === this.stubborn || !this.#announced.has(task.region) && !this.#announced.has(this.home)) return;
    const key = values.get(stages.current);
    if (key === undefined || !this.#isAlive(key.apiKey)) return;
    task.otherUsedAtSeconds = this.seconds;
    task.proved = stages.current;
    task.uses = stages.current;
    task.apiKey = key.apiKey;
  }

  /** Whatever the rotation is doing, the book trades with a key that works. */
  #check(when: string): void {
    const current = this.current(this.home);
    if (!this.#isAlive(current.apiKey)) this.broken.push(`${when}: the current key is not accepted`);
    for (const task of this.tasks) {
      if (task.region === this.home && !this.#isAlive(task.apiKey)) this.broken.push(`${when}: ${task.instance} trades with a key that is gone`);
    }
    if (!this.keys.has('k-other')) this.broken.push(`${when}: a key that is not ours was deleted`);
  }
}
