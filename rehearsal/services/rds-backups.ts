/**
 * What backups of databases hold: base backups of real servers, and the archive of each writing server's write-ahead log, into
 * which its log goes every five minutes of AWS's. Stories that restore nothing keep none of it: their snapshots are names.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AwsError, type World } from '../cloud/model.ts';
import { serverDirectory } from '../processes/postgres.ts';
import { until } from '../until.ts';
import { serverOf, type Instance, type ServerHostOptions } from './rds-instances.ts';

/** What a restored instance begins with. */
export interface Contents {
  /** Holds `base.tar`. */
  readonly base: string;
  readonly recovery?: { readonly archive: string; readonly until?: Date | undefined };
}

/** The automated backups of an instance, from when they were turned on until they or the instance are gone. */
export interface Continuous {
  /** As it was when somebody last asked: it may have gone. */
  readonly instance: Instance;
  /** Segments of the write-ahead log, by their names. */
  readonly archive: string;
  /** Base backups, and from when on each can be recovered to. */
  readonly bases: { readonly directory: string; readonly at: Date }[];
  /** Until when the archive has everything. */
  latest: Date | undefined;
  retained: boolean;
  ended: boolean;
}

const archivedBoundMs = 20_000;

export class BackupStore {
  readonly #world: World;
  readonly #host: ServerHostOptions;
  /** By the resource id of the instance, which no rename changes. */
  readonly #continuous = new Map<string, Continuous>();

  constructor(world: World, host: ServerHostOptions) {
    this.#world = world;
    this.#host = host;
  }

  /** Where a server puts its segments, if anybody keeps them. */
  async archiveOf({ resourceId }: Pick<Instance, 'resourceId'>): Promise<string | undefined> {
    return this.#host.keepsBackups === true ? serverDirectory(join(this.#host.directory, 'rds-backups', resourceId, 'archive')) : undefined;
  }

  /** The directory of a base backup as the instance is now; undefined where nothing is kept. */
  async base(instance: Instance): Promise<string | undefined> {
    if (this.#host.keepsBackups !== true) return undefined;
    const parent = await serverDirectory(join(this.#host.directory, 'rds-backups', instance.resourceId, 'bases'));
    const directory = join(parent, this.#world.uniqueId(16));
    await serverOf(instance).backUp(directory);
    return directory;
  }

  /** Of what is called available: the contents are there by then. */
  contentsOf(what: string, base: string | undefined): Contents {
    if (base !== undefined) return { base };
    throw new AwsError('NotImplemented', `${what} holds nothing: this rehearsal was not asked to keep what is backed up`, { fault: 'server' });
  }

  /** Automated backups begin with a base backup; from then on the log is archived as long as the instance is there. */
  async begin(instance: Instance): Promise<void> {
    const archive = await this.archiveOf(instance);
    if (archive === undefined) return;
    const base = await this.base(instance);
    const known = this.#continuous.get(instance.resourceId);
    const continuous: Continuous = known ?? { instance, archive, bases: [], latest: undefined, retained: false, ended: false };
    if (base !== undefined) continuous.bases.push({ directory: base, at: this.#world.now() });
    this.#continuous.set(instance.resourceId, continuous);
    if (known === undefined) this.#goOn(continuous).catch(() => undefined);
  }

  /** The instance is gone, or its backups are turned off. */
  async end({ resourceId }: Instance, keep: boolean): Promise<void> {
    const continuous = this.#continuous.get(resourceId);
    if (continuous === undefined) return;
    continuous.ended = true;
    continuous.retained = keep;
    if (keep) return;
    this.#continuous.delete(resourceId);
    // What hangs on a snapshot's base backup stays: snapshots outlive the instance.
    await rm(continuous.archive, { recursive: true, force: true });
  }

  all(region: string): readonly Continuous[] {
    return [...this.#continuous.values()].filter(({ instance }) => instance.region === region);
  }

  of({ resourceId }: Pick<Instance, 'resourceId'>): Continuous | undefined {
    return this.#continuous.get(resourceId);
  }

  /** The newest base backup before that moment, and the archive up to it. */
  atTime({ bases, archive, latest, instance }: Continuous, wanted: Date | undefined): Contents {
    const [first] = bases;
    const time = wanted ?? latest;
    if (first === undefined || latest === undefined || time === undefined || time < first.at || time > latest) {
      const window = latest === undefined ? 'has no restorable time yet' : `can be restored to from ${first?.at.toISOString()} until ${latest.toISOString()}`;
      throw new AwsError('InvalidParameterValue', `The instance ${instance.identifier} ${window}, not to ${time?.toISOString() ?? 'its latest'}.`);
    }
    const base = bases.findLast(({ at }) => at <= time) ?? first;
    return { base: base.directory, recovery: { archive, until: wanted } };
  }

  async #goOn(continuous: Continuous): Promise<void> {
    const { instance } = continuous;
    while (!continuous.ended) {
      await this.archiveNow(continuous).catch(() => this.#world.log('the log of a database was not archived', { region: instance.region, instance: instance.identifier }));
      await this.#world.provisionBeside('rds-log-archive', instance.region);
    }
  }

  /** What was committed until now can be restored from now on. A heartbeat is written behind it, as RDS writes its own: recovery ends before it. */
  async archiveNow(continuous: Continuous): Promise<void> {
    const { instance, archive } = continuous;
    const { server } = instance;
    if (server === undefined || server.child.exit !== undefined) return;
    const at = this.#world.now();
    await server.ask('SELECT pg_current_xact_id()');
    const [segment] = await server.ask<{ name: string }>('SELECT pg_walfile_name(pg_switch_wal()) AS name');
    await until(`${segment?.name} of ${instance.identifier} in the archive`, archivedBoundMs, async () => existsSync(join(archive, segment?.name ?? '')));
    continuous.latest = at;
  }
}
