/**
 * What can happen to a base backup where it is kept: its end is missing, a byte of a file in it is another one, or it lacks the write-ahead log that makes it whole. And to
 * the archive of that log: a segment is missing.
 */
import { execFile } from 'node:child_process';
import { open, readdir, rm, stat, truncate, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const blockBytes = 512;
const run = promisify(execFile);
/** As PostgreSQL names them: time line, log, and segment in it. */
const segmentName = /^[0-9A-F]{24}$/;
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

/** Every page of a base backup is of its own moment; the log that was written meanwhile brings them to one. */
export async function loseLogOfBase(directory: string): Promise<void> {
  const { stdout } = await run('tar', ['-tf', baseOf(directory)], { maxBuffer: 64 * 1024 * 1024 });
  const segments = stdout.split('\n').filter((name) => name.includes('pg_wal/') && segmentName.test(name.split('/').at(-1) ?? ''));
  if (segments.length === 0) throw new Error('the base backup has no write-ahead log that could be lost');
  await run('tar', ['--delete', '-f', baseOf(directory), ...segments]);
}

/** Of what was written at a moment, and of everything behind it: a recovery that wants to get there ends before. */
export async function loseSegmentOf(archive: string, moment: Date): Promise<void> {
  for (const name of (await readdir(archive)).filter((each) => segmentName.test(each)).toSorted()) {
    if ((await stat(join(archive, name))).mtime < moment) continue;
    return rm(join(archive, name));
  }
  throw new Error(`the archive has no segment from after ${moment.toISOString()}`);
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
