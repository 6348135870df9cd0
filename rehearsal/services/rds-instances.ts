/**
 * The lives of database instances: each is a real PostgreSQL behind an endpoint that belongs to its name, so that another
 * instance can take the name and is found where the first one was. A replica streams from its source through a link of its
 * own, which can be cut.
 */
import { join } from 'node:path';
import { Client } from 'pg';
import type { World } from '../cloud/model.ts';
import type { CertificateAuthority } from '../processes/certificate.ts';
import { startPostgres, startReplica, startRestored, type PostgresHost, type PostgresServer } from '../processes/postgres.ts';
import { Relay, type Destination } from '../processes/relay.ts';
import { removeTree } from '../processes/remove-tree.ts';
import type { Supervisor } from '../processes/supervisor.ts';
import { until } from '../until.ts';
import { BackupStore, type Contents } from './rds-backups.ts';

export interface ServerHostOptions {
  readonly supervisor: Supervisor;
  readonly authority: CertificateAuthority;
  /** Holds what the servers keep; one directory for each is made in it. */
  readonly directory: string;
  /** Snapshots and automated backups hold what was backed up; else they are names, and cost nothing. */
  readonly keepsBackups?: boolean | undefined;
}

export interface Instance {
  /** In lower case; it changes when the instance is renamed. */
  identifier: string;
  readonly region: string;
  readonly resourceId: string;
  readonly createdAt: Date;
  /** Of CloudFormation or of the call, with what was modified since. */
  properties: Readonly<Record<string, any>>;
  status: 'creating' | 'available' | 'modifying' | 'resetting-master-credentials' | 'renaming' | 'rebooting' | 'backing-up' | 'deleting' | 'failed' | 'incompatible-restore';
  /** Its own, with those that were added and less those that were taken away. */
  tags: readonly Tag[];
  endpoint: Relay;
  /** Absent while it is made. */
  server?: PostgresServer;
  replication?: Replication;
}

export interface Tag {
  readonly Key: string;
  readonly Value?: string;
}

interface Replication {
  readonly source: Instance;
  readonly link: Relay;
  /** Of the slot at the source. */
  readonly slot: string;
  /** By how many seconds the replica is said to be further behind than it has been here. */
  furtherBehindSeconds: number;
}

export class InstanceLives {
  readonly backups: BackupStore;
  readonly #world: World;
  readonly #host: ServerHostOptions;
  readonly #endpoints = new Map<string, Relay>();
  readonly #replications = new Set<Replication>();

  constructor(world: World, host: ServerHostOptions) {
    this.#world = world;
    this.#host = host;
    this.backups = new BackupStore(world, host);
  }

  async created(region: string, identifier: string, properties: Readonly<Record<string, any>>): Promise<Instance> {
    return {
      identifier, region, properties,
      tags: (properties['Tags'] ?? []) as readonly Tag[],
      resourceId: `db-${this.#world.uniqueId(26).toUpperCase()}`,
      createdAt: this.#world.now(),
      status: 'creating',
      endpoint: await this.#endpointOf(region, identifier),
    };
  }

  async startPrimary(instance: Instance): Promise<void> {
    const { MasterUsername, MasterUserPassword, DBName } = instance.properties;
    const database = String(DBName ?? 'postgres');
    this.#opened(instance, await startPostgres({ ...(await this.#site(instance)), masterUser: MasterUsername, masterPassword: MasterUserPassword, database }));
  }

  /** A base backup of the source as it is now, and the stream of what comes after it. */
  async startReplica(instance: Instance, source: Instance): Promise<void> {
    const link = await Relay.open(addressOf(serverOf(source)));
    const slot = `rds_${instance.region.replaceAll('-', '_')}_${instance.resourceId.slice(3, 19).toLowerCase()}`;
    const replicationPassword = this.#world.uniqueId(32);
    instance.replication = { source, link, slot, furtherBehindSeconds: 0 };
    this.#replications.add(instance.replication);
    this.#opened(instance, await startReplica({ ...(await this.#site(instance)), source: serverOf(source), link, slot, replicationPassword }));
  }

  /** A server of its own with what a backup holds. */
  async startRestored(instance: Instance, contents: Contents): Promise<void> {
    const server = await startRestored({ ...(await this.#site(instance)), ...contents });
    // Deleted meanwhile: nobody else will end it.
    if (instance.status === 'deleting') await server.kill();
    else this.#opened(instance, server);
  }

  /** Nothing of it stays but its backups, and those not unless they are to be kept. */
  async remove(instance: Instance, keepBackups: boolean): Promise<void> {
    instance.endpoint.lead(undefined);
    await this.backups.end(instance, keepBackups);
    await instance.server?.stop();
    const { replication } = instance;
    delete instance.replication;
    if (replication !== undefined) await this.#unlink(replication);
    removeTree(this.#directoryOf(instance));
  }

  /** It becomes a primary, reboots, and knows its source no more. */
  async promote(instance: Instance): Promise<void> {
    await serverOf(instance).promote();
    await this.reboot(instance);
    const { replication } = instance;
    if (replication === undefined) return;
    delete instance.replication;
    await this.#unlink(replication);
  }

  /** A refused statement would be logged with the password in it. */
  async setMasterPassword(instance: Instance, password: string): Promise<void> {
    const { escapeIdentifier, escapeLiteral } = Client.prototype;
    const master = escapeIdentifier(String(instance.properties['MasterUsername']));
    await serverOf(instance).ask(`SET log_min_error_statement = panic; ALTER ROLE ${master} PASSWORD ${escapeLiteral(password)}`);
  }

  async reboot(instance: Instance): Promise<void> {
    instance.status = 'rebooting';
    await serverOf(instance).stop();
    await this.restart(instance);
  }

  /** Starts what has ended, and leads there whoever knew it. */
  async restart(instance: Instance): Promise<void> {
    const server = serverOf(instance);
    await server.start();
    this.#opened(instance, server);
  }

  /** From now on the instance is found under the other name only. */
  async rename(instance: Instance, identifier: string): Promise<void> {
    instance.endpoint.lead(undefined);
    instance.identifier = identifier;
    instance.endpoint = await this.#endpointOf(instance.region, identifier);
    await this.reboot(instance);
  }

  /** Undefined for what is no replica. */
  async lagSeconds(instance: Instance): Promise<number | undefined> {
    const { replication, server } = instance;
    if (replication === undefined || server === undefined || server.child.exit !== undefined) return undefined;
    const [row] = await whileUp(server.ask<{ caught_up: boolean; behind: number }>(
      `SELECT extract(epoch FROM clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))::float AS behind,
        EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming' AND latest_end_lsn <= pg_last_wal_replay_lsn()) AS caught_up`,
    ));
    if (row === undefined) return undefined;
    const { furtherBehindSeconds } = replication;
    return row.caught_up && furtherBehindSeconds === 0 ? 0 : Math.max(0, row.behind) + furtherBehindSeconds;
  }

  /** Whether what the source writes arrives. */
  async isStreaming({ replication, server }: Instance): Promise<boolean> {
    if (replication === undefined || server === undefined || server.child.exit !== undefined) return false;
    const [row] = await whileUp(server.ask<{ streaming: boolean }>("SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS streaming"));
    return row?.streaming === true;
  }

  async close(instances: readonly Instance[]): Promise<void> {
    await Promise.all(instances.map(async ({ server }) => server?.stop()));
    const links = [...this.#replications].map(({ link }) => link);
    await Promise.all([...this.#endpoints.values(), ...links].map((relay) => relay.close()));
  }

  /** The source keeps nothing for the replica any more; one that cannot be asked keeps what it has. */
  async #unlink(replication: Replication): Promise<void> {
    const { source, link, slot } = replication;
    this.#replications.delete(replication);
    await link.close();
    const { server } = source;
    if (server === undefined || server.child.exit !== undefined) return;
    await until(`the end of the stream at ${source.identifier}`, slotBoundMs, async () => {
      const [found] = await server.ask<{ active: boolean }>('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [slot]);
      return found?.active !== true;
    });
    await server.ask('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [slot]);
  }

  async #site(instance: Instance): Promise<PostgresHost> {
    const { supervisor, authority } = this.#host;
    return { supervisor, authority, directory: this.#directoryOf(instance), archive: await this.backups.archiveOf(instance) };
  }

  #directoryOf({ region, resourceId }: Instance): string {
    return join(this.#host.directory, `rds-${region}-${resourceId}`);
  }

  async #endpointOf(region: string, identifier: string): Promise<Relay> {
    const key = `${region}/${identifier}`;
    const endpoint = this.#endpoints.get(key) ?? (await Relay.open());
    this.#endpoints.set(key, endpoint);
    return endpoint;
  }

  #opened(instance: Instance, server: PostgresServer): void {
    instance.server = server;
    instance.endpoint.lead(addressOf(server));
    for (const { source, link } of this.#replications) if (source === instance) link.lead(addressOf(server));
    this.#world.log('PostgreSQL started', { region: instance.region, instance: instance.identifier, port: instance.endpoint.port });
  }
}

const slotBoundMs = 10_000;

/** A server that reboots meanwhile answers nobody, and who asks RDS about it must not notice. */
function whileUp<Row>(rows: Promise<readonly Row[]>): Promise<readonly Row[]> {
  return rows.catch(() => []);
}

export const isTrue = (value: unknown): boolean => value === true || value === 'true';

export function addressOf({ host, port }: Destination): Destination {
  return { host, port };
}

export function serverOf({ identifier, server }: Instance): PostgresServer {
  if (server === undefined) throw new Error(`the instance ${identifier} has no server yet`);
  return server;
}
