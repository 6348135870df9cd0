/**
 * What takes seconds to make and is the same in every run – an initialised PostgreSQL, an unpacked Redis – is made
 * once for each user of this machine. Two runs at the same time may both make it; the first to finish wins.
 *
 * It lives beside the temporary files, not in the home directory: programs that a root starts as an unprivileged
 * user must be able to read it, and a home may be closed to them.
 */
import { chmod, lstat, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The directory of `name`, filled by `fill` unless an earlier run did. */
export async function cached(name: string, fill: (directory: string) => Promise<void>): Promise<string> {
  const root = await cacheRoot();
  const finished = join(root, name);
  if (await exists(finished)) return finished;
  const making = await mkdtemp(join(root, `${name}.making-`));
  try {
    await chmod(making, 0o755);
    await fill(making);
    await rename(making, finished);
  } catch (error) {
    const another = (error as NodeJS.ErrnoException).code === 'ENOTEMPTY' || (error as NodeJS.ErrnoException).code === 'EEXIST';
    if (!another) throw error;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return finished;
}

async function cacheRoot(): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const root = join(tmpdir(), `baton-cache-${uid}`);
  await mkdir(root, { mode: 0o755, recursive: true });
  // Programs are run out of it: in a directory that anybody may write to, it must be ours and nobody else's.
  const found = await lstat(root);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0) {
    throw new Error(`the cache ${root} is not a directory that only user ${uid} can write to; remove it and run again`);
  }
  return root;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
