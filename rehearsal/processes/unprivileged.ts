/**
 * Running things as somebody else when the rehearsal runs as root: PostgreSQL refuses root, and a container's
 * read-only tree is none to root. The trap is a checkout below a home that only root may enter – its programs are
 * then copied to where the other user can read them.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { copyFile, cp } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { cached } from './cache.ts';

export interface User {
  readonly uid: number;
  readonly gid: number;
}

const nobody: User = { uid: 65534, gid: 65534 };

/** Whom a server that refuses root runs as: `postgres`, else `nobody`; undefined when we are not root anyway. */
export function serverUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find((account) => account[0] === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return nobody;
}

/** Whether this user can start the program. */
export function canRun(user: User, program: string): boolean {
  return spawnSync(program, ['--version'], { ...user, cwd: '/', env: {}, stdio: 'ignore', timeout: 10_000 }).status === 0;
}

/** The directory itself when the user can run `program` in it, otherwise a copy of it where he can. */
export async function runnableTree(user: User | undefined, directory: string, program: string, cacheName: string): Promise<string> {
  if (!user || canRun(user, join(directory, program))) return directory;
  return cached(cacheName, (copy) => cp(directory, copy, { recursive: true, verbatimSymlinks: true }));
}

/** The same for one program that needs nothing beside it, such as Node. */
export async function runnableProgram(user: User | undefined, program: string, cacheName: string): Promise<string> {
  if (!user || canRun(user, program)) return program;
  return join(await cached(cacheName, (copy) => copyFile(program, join(copy, basename(program)))), basename(program));
}
