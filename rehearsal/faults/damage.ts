/** What can happen to a base backup where it is kept: its end is missing, or a byte of a file in it is another one. */
import { open, stat, truncate, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

const blockBytes = 512;
const baseOf = (directory: string): string => join(directory, 'base.tar');

/** @param keep the part that is left, from 0 to 1 */
export async function truncateBase(directory: string, keep: number): Promise<void> {
  const { size } = await stat(baseOf(directory));
  await truncate(baseOf(directory), Math.floor(size * keep));
}

/** @param path as `pg_relation_filepath` says it */
export async function flipByteInBase(directory: string, path: string, offset: number): Promise<void> {
  const tar = await open(baseOf(directory), 'r+');
  try {
    const at = (await beginOf(tar, path)) + offset;
    const byte = Buffer.alloc(1);
    await tar.read(byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 0xff;
    await tar.write(byte, 0, 1, at);
  } finally {
    await tar.close();
  }
}

/** Where the contents of a file begin: a header of a block is before each, with name and size. */
async function beginOf(tar: FileHandle, path: string): Promise<number> {
  const header = Buffer.alloc(blockBytes);
  for (let at = 0; ; ) {
    const { bytesRead } = await tar.read(header, 0, blockBytes, at);
    const name = header.toString('utf8', 0, 100).replace(/\0.*$/s, '');
    if (bytesRead < blockBytes || name === '') throw new Error(`the base backup has no file ${path}`);
    if (name.replace(/^\.\//, '') === path) return at + blockBytes;
    const size = parseInt(header.toString('utf8', 124, 136), 8);
    at += blockBytes + Math.ceil(size / blockBytes) * blockBytes;
  }
}
