/**
 * Starts the rehearsal's child processes and answers for their end. Each child leads its own process group, so that
 * what it starts ends with it, and a Ctrl-C in the terminal does not reach it before we say so.
 *
 * Clean-up has two nets. `close()` ends every child and removes every temporary directory. When the rehearsal dies
 * without it (SIGKILL, a crash, an unhandled signal), the reaper – a small process that holds the other end of a
 * pipe – does the same. Only a death within the microseconds between a child's start and its line on the pipe
 * escapes it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { signalGroup, type ReaperLine } from './reaper.ts';
import { removeTree } from './remove-tree.ts';

export interface SpawnOptions {
  /** For people: 'postgres', 'trader-blue'. */
  readonly name: string;
  readonly command: string;
  readonly args?: readonly string[];
  /** The whole environment: nothing of ours is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Given to the child's standard input, which is then closed. For what must not be seen in `ps`. */
  readonly input?: string;
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** What ends it when there is no time to ask: SIGKILL, unless it would leave things behind (PostgreSQL). */
  readonly lastSignal?: 'SIGKILL' | 'SIGQUIT';
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Never rejects. Settles after the last line was delivered and the child's group is gone. */
  readonly exited: Promise<Exit>;
  /** Undefined while it runs. */
  readonly exit: Exit | undefined;
  signal(signal: NodeJS.Signals): void;
  /** Asks with SIGTERM (or another signal), then kills after the bound. */
  stop(boundMs: number, signal?: NodeJS.Signals): Promise<Exit>;
  kill(): Promise<Exit>;
  /** SIGSTOP for the whole group: time passes, the process does not see it. */
  pause(): void;
  resume(): void;
}

export class ChildStartError extends Error {
  constructor(name: string, command: string, cause: unknown) {
    super(`could not start ${name} (${command}): ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'ChildStartError';
  }
}

export class Supervisor {
  readonly #reaper: ChildProcess;
  readonly #pipe: Writable;
  readonly #children = new Set<Child>();
  readonly #directories = new Map<string, string>();
  #serial = 0;
  #closing: Promise<void> | undefined;

  constructor() {
    this.#reaper = spawn(process.execPath, [fileURLToPath(new URL('./reaper.ts', import.meta.url))], {
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
      env: {},
    });
    this.#reaper.unref();
    this.#pipe = this.#reaper.stdin as Writable;
    // The reaper's own death must not take the rehearsal with it; close() still cleans up.
    this.#reaper.on('error', () => undefined);
    this.#pipe.on('error', () => undefined);
    (this.#pipe as Writable & { unref?: () => void }).unref?.();
  }

  get children(): readonly Child[] {
    return [...this.#children];
  }

  async spawn(options: SpawnOptions): Promise<Child> {
    if (this.#closing) throw new ChildStartError(options.name, options.command, 'the supervisor is closing');
    const child = spawn(options.command, [...(options.args ?? [])], {
      detached: true,
      cwd: options.cwd,
      env: { ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...options.user,
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(new ChildStartError(options.name, options.command, error)));
      if (child.pid !== undefined) {
        this.#tell({ add: { id: `group-${child.pid}`, kind: 'group', pid: child.pid, lastSignal: options.lastSignal ?? 'SIGKILL' } });
      }
    });
    if (options.input !== undefined) {
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(options.input);
    }
    const supervised = supervise(child, options);
    this.#children.add(supervised);
    void this.#forgetAfter(supervised);
    return supervised;
  }

  /** A directory that other users may look into (what is private in it is 0700 or 0600), removed at the end. */
  async temporaryDirectory(prefix: string): Promise<string> {
    const path = await mkdtemp(join(await realpath(tmpdir()), `baton-${prefix}-`));
    const id = `directory-${(this.#serial += 1)}`;
    this.#directories.set(id, path);
    this.#tell({ add: { id, kind: 'directory', path } });
    await chmod(path, 0o755);
    return path;
  }

  /** Ends every child, removes every directory, then lets the reaper go. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all(this.children.map((child) => child.kill()));
    for (const [id, path] of this.#directories) {
      removeTree(path);
      this.#tell({ drop: id });
    }
    if (this.#reaper.exitCode !== null || this.#reaper.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#reaper.once('exit', resolve));
    this.#reaper.ref();
    this.#pipe.end();
    await gone;
  }

  async #forgetAfter(child: Child): Promise<void> {
    await child.exited;
    this.#children.delete(child);
    this.#tell({ drop: `group-${child.pid}` });
  }

  #tell(line: ReaperLine): void {
    if (this.#pipe.writable) this.#pipe.write(`${JSON.stringify(line)}\n`);
  }
}

/** How long a child may take to end on `lastSignal` before SIGKILL follows. */
const lastSignalBoundMs = 3000;
/** How long the output of a dead child may stay open in the hands of a process that left its group. */
const outputBoundMs = 2000;

function supervise(child: ChildProcess, options: SpawnOptions): Child {
  const pid = child.pid as number;
  const lastSignal = options.lastSignal ?? 'SIGKILL';
  let exit: Exit | undefined;
  const lines = (['stdout', 'stderr'] as const).map((stream) =>
    readLines(child[stream] as Readable, (line) => options.onLine?.(line, stream)),
  );
  const exited = ended();
  async function ended(): Promise<Exit> {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    // Whatever it started goes with it; this also closes pipes that a grandchild keeps open.
    if (lastSignal === 'SIGKILL') signalGroup(pid, 'SIGKILL');
    const outputBound = setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, outputBoundMs);
    await Promise.all(lines);
    clearTimeout(outputBound);
    exit = { code, signal };
    return exit;
  }
  const send = (signal: NodeJS.Signals): void => {
    if (!exit) signalGroup(pid, signal);
  };
  async function finish(signal: NodeJS.Signals, boundMs: number): Promise<Exit> {
    send(signal);
    // A stopped process handles no signal but SIGKILL: let it run to hear this one.
    if (signal !== 'SIGKILL') send('SIGCONT');
    const timer = setTimeout(() => send('SIGKILL'), boundMs);
    try {
      return await exited;
    } finally {
      clearTimeout(timer);
    }
  }
  return {
    name: options.name,
    pid,
    exited,
    get exit() {
      return exit;
    },
    signal: send,
    stop: (boundMs, signal = 'SIGTERM') => finish(signal, boundMs),
    kill: () => finish(lastSignal, lastSignalBoundMs),
    pause: () => send('SIGSTOP'),
    resume: () => send('SIGCONT'),
  };
}

function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const reader = createInterface({ input: stream, crlfDelay: Infinity });
  reader.on('line', onLine);
  return new Promise((resolve) => reader.once('close', resolve));
}
