/**
 * What can happen to a base backup where it is kept: its end is missing, a byte of a file in it is another one, or it lacks the write-ahead log that makes it whole. And to
 * the archive of that log: a segment is missing.
 */
import { open, readdir, rm, stat, truncate, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

const blockBytes = 512;
/** Where a header has its sum. */
const sumAt = 148;
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

/** Every page of a base backup is of its own moment; the log that was written meanwhile brings them to one. Its segments get names that nobody looks for. */
export async function loseLogOfBase(directory: string): Promise<void> {
  const tar = await open(baseOf(directory), 'r+');
  let lost = 0;
  try {
    for await (const { name, at, header } of entriesOf(tar)) {
      const path = name.split('/');
      if (path.at(-2) !== 'pg_wal' || !segmentName.test(path.at(-1) ?? '')) continue;
      const place = header.indexOf('pg_wal/') + 'pg_wal/'.length;
      const [before, after] = [header[place] ?? 0, 'X'.charCodeAt(0)];
      header[place] = after;
      // The sum of all bytes of the header, in octal digits.
      const [digits = ''] = /[0-7]+/.exec(header.toString('latin1', sumAt, sumAt + 8)) ?? [];
      header.write((parseInt(digits, 8) + after - before).toString(8).padStart(digits.length, '0'), sumAt, 'latin1');
      await tar.write(header, 0, blockBytes, at);
      lost += 1;
    }
  } finally {
    await tar.close();
  }
  if (lost === 0) throw new Error('the base backup has no write-ahead log that could be lost');
}

/** Of what was written at a moment, and of everything behind it: a recovery that wants to get there ends before. */
export async function loseSegmentOf(archive: string, moment: Date): Promise<void> {
  for (const name of (await readdir(archive)).filter((each) => segmentName.test(each)).toSorted()) {
    if ((await stat(join(archive, name))).mtime < moment) continue;
    return rm(join(archive, name));
  }
  throw new Error(`the archive has no segment from after ${moment.toISOString()}`);
}

/** Where the contents of a file begin. */
async function beginOf(tar: FileHandle, path: string): Promise<number> {
  for await (const { name, at } of entriesOf(tar)) if (name === path) return at + blockBytes;
  throw new Error(`the base backup has no file ${path}`);
}

/** A header of a block is before each file, with name and size. */
async function* entriesOf(tar: FileHandle): AsyncGenerator<{ readonly name: string; readonly at: number; readonly header: Buffer }> {
  for (let at = 0; ; ) {
    const header = Buffer.alloc(blockBytes);
    const { bytesRead } = await tar.read(header, 0, blockBytes, at);
    const name = header.toString('utf8', 0, 100).replace(/\0.*$/s, '');
    if (bytesRead < blockBytes || name === '') return;
    const size = parseInt(header.toString('utf8', 124, 136), 8);
    yield { name: name.replace(/^\.\//, ''), at, header };
    at += blockBytes + Math.ceil(size / blockBytes) * blockBytes;
  }
}
