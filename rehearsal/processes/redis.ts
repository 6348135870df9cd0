/**
 * A real Redis in the place of ElastiCache, with TLS and AUTH as there. npm has no Redis that runs everywhere, so a
 * server is looked for: REDIS_BIN, the path, an npm package if one is installed that starts here, and at last Debian's
 * package, unpacked into a cache without installing anything. Where none is found the rehearsal says what to install:
 * a substitute that only pretends would prove nothing.
 */
import { execFile } from 'node:child_process';
import { access, constants, copyFile, mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';

import { cached } from './cache.ts';
import type { CertificateAuthority } from './certificate.ts';
import { onFreePort, PortTakenError } from './listen.ts';
import type { RunningServer } from './postgres.ts';
import { UnavailableError } from '../unavailable.ts';
import type { Child, Supervisor } from './supervisor.ts';

export interface RedisOptions {
  readonly supervisor: Supervisor;
  readonly authority: CertificateAuthority;
  /** Empty or absent; holds the server's key and nothing else: nothing is saved but when `save` is called. */
  readonly directory: string;
  /** A file that `save` wrote; what is in it is there from the start. */
  readonly from?: string | undefined;
  readonly authToken: string;
  /** Where one listened before; a free one when not said. */
  readonly port?: number;
  /** Where to look for a server; of this process when absent. */
  readonly environment?: RedisSearch;
  readonly onLine?: (line: string) => void;
}

export interface RedisServer extends RunningServer {
  /** Writes all that it has to a file, in Redis's own format. */
  save(file: string): Promise<void>;
  /** From now on these are its passwords; whoever is connected stays. */
  accept(tokens: readonly [string, ...string[]]): Promise<void>;
}

export interface RedisSearch {
  readonly REDIS_BIN?: string | undefined;
  readonly PATH?: string | undefined;
}

export interface RedisProgram {
  readonly command: string;
  readonly libraryPath?: string;
  /** Where it came from, for people. */
  readonly origin: string;
}

export class RedisUnavailableError extends UnavailableError {
  constructor(tried: readonly string[]) {
    super(
      [
        'no Redis server was found. Install one and run again:',
        '  Debian, Ubuntu   apt install redis-server',
        '  Fedora, RHEL     dnf install valkey      (or redis)',
        '  Alpine           apk add redis',
        '  macOS            brew install redis',
        '  elsewhere        set REDIS_BIN to the path of a redis-server or valkey-server built with TLS',
        'Tried:',
        ...tried.map((attempt) => `  ${attempt}`),
      ].join('\n'),
    );
    this.name = 'RedisUnavailableError';
  }
}

export class RedisStartError extends Error {
  constructor(program: RedisProgram, what: string, output: readonly string[]) {
    super(`Redis (${program.origin}) ${what}. Its last lines:\n${output.slice(-15).join('\n')}`);
    this.name = 'RedisStartError';
  }
}

const startBoundMs = 10_000;
const stopBoundMs = 5_000;
const answerBoundMs = 5_000;
/** For everything that `apt-get` may do; it gives up far earlier when there is no network. */
const aptBoundMs = 90_000;
const run = promisify(execFile);
/** Of Redis, where nothing else is said. */
const dumpName = 'dump.rdb';
const serverNames = ['redis-server', 'valkey-server'];

export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const program = await findRedis(options.environment ?? process.env);
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const certificate = options.authority.issue(['127.0.0.1', 'localhost']);
  const files = { certificate: join(options.directory, 'server.pem'), key: join(options.directory, 'server.key') };
  await writeFile(files.certificate, certificate.certificatePem);
  await writeFile(files.key, certificate.privateKeyPem, { mode: 0o600 });

  if (options.from !== undefined) await copyFile(options.from, join(options.directory, dumpName));

  const listening = async (port: number): Promise<RedisServer> => {
    const child = await start(options, program, port, files);
    let { authToken } = options;
    const asked = async (command: string): Promise<void> => ask({ port, authToken, ca: await readFile(options.authority.caFile, 'utf8') }, command);
    return {
      host: '127.0.0.1',
      port,
      caFile: options.authority.caFile,
      child,
      stop: async () => void (await child.stop(stopBoundMs)),
      kill: async () => void (await child.kill()),
      async accept(tokens) {
        await asked(`ACL SETUSER default resetpass ${tokens.map((token) => `>${token}`).join(' ')}`);
        [authToken] = tokens;
      },
      async save(file) {
        await asked('SAVE');
        // It would be loaded at the next start.
        await rename(join(options.directory, dumpName), file);
      },
    };
  };
  return options.port === undefined ? onFreePort(listening) : listening(options.port);
}

/** One command, over TLS and with the token, that answers OK. */
function ask({ port, authToken, ca }: { readonly port: number; readonly authToken: string; readonly ca: string }, command: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let answer = '';
  const socket = connect({ host: '127.0.0.1', port, ca, timeout: answerBoundMs }, () => socket.write(`AUTH ${authToken}\r\n${command}\r\n`));
  socket.on('data', (data) => {
    answer += data.toString();
    if (answer.split('\r\n').length <= 2) return;
    socket.destroy();
    if (answer === '+OK\r\n+OK\r\n') resolve();
    else reject(new Error(`Redis answered ${command.split(' ')[0]} with ${answer.trim()}`));
  });
  socket.on('timeout', () => socket.destroy(new Error(`Redis did not answer ${command.split(' ')[0]} within ${answerBoundMs / 1000} s`)));
  socket.on('error', reject);
  return promise;
}

async function start(
  options: RedisOptions,
  program: RedisProgram,
  port: number,
  files: { certificate: string; key: string },
): Promise<Child> {
  const settings = [
    'bind 127.0.0.1',
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file ${quoted(files.certificate)}`,
    `tls-key-file ${quoted(files.key)}`,
    `tls-ca-cert-file ${quoted(options.authority.caFile)}`,
    'tls-auth-clients no',
    `requirepass ${quoted(options.authToken)}`,
    `dir ${quoted(options.directory)}`,
    'save ""',
    'appendonly no',
    'repl-diskless-sync-delay 0',
    '',
  ];
  const output: string[] = [];
  const ready = Promise.withResolvers<'ready'>();
  const child = await options.supervisor.spawn({
    name: 'redis',
    command: program.command,
    // The settings come on standard input: a command line would show the token to everybody.
    args: ['-'],
    env: { LANG: 'C.UTF-8', ...(program.libraryPath !== undefined && { LD_LIBRARY_PATH: program.libraryPath }) },
    input: settings.join('\n'),
    onLine: (line) => {
      output.push(line);
      options.onLine?.(line);
      if (line.includes('Ready to accept connections')) ready.resolve('ready');
    },
  });
  const timer = setTimeout(() => child.signal('SIGKILL'), startBoundMs);
  const outcome = await Promise.race([ready.promise, child.exited]);
  clearTimeout(timer);
  if (outcome === 'ready') return child;
  if (output.some((line) => line.includes('Address already in use') || line.includes('bind:'))) {
    throw new PortTakenError(port, new RedisStartError(program, 'did not start', output));
  }
  throw new RedisStartError(
    program,
    `did not get ready within ${startBoundMs / 1000} s or ended with ${outcome.code ?? outcome.signal}`,
    output,
  );
}

/** As redis.conf quotes: any byte survives. */
function quoted(value: string): string {
  return `"${[...Buffer.from(value)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`;
}

/** The first server that answers with its version. */
export async function findRedis(search: RedisSearch): Promise<RedisProgram> {
  const tried: string[] = [];
  if (search.REDIS_BIN) {
    const program = { command: search.REDIS_BIN, origin: 'REDIS_BIN' };
    // Who names a server wants that one: another in its place would be a surprise.
    const refusal = await refusalOf(program);
    if (refusal === undefined) return program;
    throw new RedisUnavailableError([`REDIS_BIN: ${refusal}`]);
  }
  for (const find of [() => onPath(search.PATH ?? ''), fromNpm, fromDebian]) {
    try {
      const program = await find();
      const refusal = await refusalOf(program);
      if (refusal === undefined) return program;
      tried.push(`${program.origin}: ${refusal}`);
    } catch (error) {
      tried.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new RedisUnavailableError(tried);
}

/** Why this is no Redis that can be used here; undefined when it is one. */
async function refusalOf(program: RedisProgram): Promise<string | undefined> {
  try {
    const env = program.libraryPath === undefined ? {} : { LD_LIBRARY_PATH: program.libraryPath };
    const { stdout } = await run(program.command, ['--version'], { env, timeout: answerBoundMs });
    return /(redis|valkey) server v/i.test(stdout)
      ? undefined
      : `${program.command} is not a Redis server: it answers '${firstLine(stdout)}'`;
  } catch (error) {
    return `${program.command} does not start: ${firstLine(error instanceof Error ? error.message : String(error))}`;
  }
}

async function onPath(path: string): Promise<RedisProgram> {
  for (const directory of path.split(delimiter).filter((one) => one !== '')) {
    for (const name of serverNames) {
      const command = join(directory, name);
      const found = await access(command, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (found) return { command, origin: command };
    }
  }
  throw new Error(`the path: no ${serverNames.join(' or ')} in it`);
}

const npmPackage = `@falkordblite/${process.platform}-${process.arch}`;

/** Not a dependency: it needs a newer C library than many machines have. Used by those who installed it. */
async function fromNpm(): Promise<RedisProgram> {
  try {
    const directory = dirname(createRequire(import.meta.url).resolve(`${npmPackage}/package.json`));
    return { command: join(directory, 'bin', 'redis-server'), origin: `npm ${npmPackage}` };
  } catch {
    throw new Error(`npm: ${npmPackage} is not installed`);
  }
}

/**
 * Debian's `redis-tools` holds the server: one program that acts by the name it is started under. It is downloaded
 * with the libraries it depends on and unpacked; nothing is installed, and no root is needed.
 */
async function fromDebian(): Promise<RedisProgram> {
  try {
    await run('dpkg-deb', ['--version'], { timeout: answerBoundMs });
    await run('apt-get', ['--version'], { timeout: answerBoundMs });
  } catch {
    throw new Error("Debian's package: this is no Debian (no apt-get and dpkg-deb)");
  }
  try {
    const directory = await cached(`redis-debian-${await releaseName()}`, unpackFromDebian);
    return { command: join(directory, 'redis-server'), libraryPath: join(directory, 'lib'), origin: `Debian's package in ${directory}` };
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const why =
      stderr?.split('\n').find((line) => line.startsWith('E:')) ?? firstLine(error instanceof Error ? error.message : String(error));
    throw new Error(`Debian's package: ${why}`, { cause: error });
  }
}

/** What was unpacked fits this release only: after an upgrade another is fetched. */
async function releaseName(): Promise<string> {
  const { stdout } = await run('dpkg', ['--print-architecture'], { timeout: answerBoundMs });
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const value = (name: string): string => new RegExp(`^${name}="?([\\w.]+)`, 'm').exec(release)?.[1] ?? 'unknown';
  return `${value('ID')}-${value('VERSION_ID')}-${stdout.trim()}`;
}

async function unpackFromDebian(directory: string): Promise<void> {
  const work = join(directory, 'unpacked');
  await mkdir(work);
  const deadline = Date.now() + aptBoundMs;
  const apt = async (command: string, args: readonly string[], options: readonly string[]): Promise<string> => {
    const settings = [
      'Acquire::Retries=0',
      'Acquire::http::Timeout=10',
      'Acquire::https::Timeout=10',
      'APT::Sandbox::User=root',
      ...options,
    ];
    const { stdout } = await run(command, [...settings.flatMap((setting) => ['-o', setting]), ...args], {
      cwd: work,
      env: { ...environmentForApt() },
      timeout: Math.max(1, deadline - Date.now()),
    });
    return stdout;
  };
  const download = async (options: readonly string[]): Promise<void> => {
    const depends = await apt('apt-cache', ['depends', '--important', 'redis-tools'], options);
    const needed = [...depends.matchAll(/^\s+(?:Pre)?Depends: ([a-z0-9][a-z0-9.+-]*)$/gm)].map((match) => match[1] as string);
    // Every Debian has its C library; the rest are libraries beside it, and `adduser`, which only installing needs.
    const libraries = needed.filter((name) => name.startsWith('lib') && name !== 'libc6');
    await apt('apt-get', ['download', 'redis-tools', ...libraries], options);
  };
  try {
    await download([]);
  } catch {
    // No package lists here, or old ones: fetch our own, which needs no root.
    const own = join(work, 'apt');
    await mkdir(join(own, 'lists', 'partial'), { recursive: true });
    await mkdir(join(own, 'cache', 'archives', 'partial'), { recursive: true });
    const options = [`Dir::State::lists=${own}/lists`, `Dir::Cache=${own}/cache`];
    await apt('apt-get', ['update', '--error-on=any'], options);
    await download(options);
  }
  const libraries = join(directory, 'lib');
  await mkdir(libraries);
  for (const file of (await readdir(work)).filter((name) => name.endsWith('.deb'))) {
    await run('dpkg-deb', ['-x', join(work, file), join(work, 'root')]);
  }
  for (const entry of await readdir(join(work, 'root'), { recursive: true, withFileTypes: true })) {
    // A library's short name is a link to its file: each name becomes a file, and no link can point out of here.
    if (/\.so(\.|$)/.test(entry.name)) await copyFile(await realpath(join(entry.parentPath, entry.name)), join(libraries, entry.name));
  }
  await copyFile(join(work, 'root', 'usr', 'bin', 'redis-check-rdb'), join(directory, 'redis-server'));
  await rm(work, { recursive: true });
}

/** Where a proxy leads out, apt must know it. */
function environmentForApt(): Record<string, string> {
  const passed = Object.entries(process.env).filter(([name]) => /^(path|https?_proxy|no_proxy|apt_config)$/i.test(name));
  return { ...Object.fromEntries(passed as Array<[string, string]>), LC_ALL: 'C' };
}

const firstLine = (text: string): string => text.split('\n')[0] ?? '';
