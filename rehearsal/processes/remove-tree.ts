/**
 * Removes a directory whatever its permissions are: an image's tree is read-only, and one that is not root
 * cannot delete out of a directory that it may not write.
 */
import { chmodSync, existsSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export function removeTree(path: string): void {
  if (!existsSync(path)) return;
  makeWritable(path);
  rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

function makeWritable(path: string): void {
  if (process.getuid?.() === 0 || !lstatSync(path).isDirectory()) return;
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) makeWritable(join(path, entry.name));
  }
}
