import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

import { canRun, runnableProgram, runnableTree, serverUser } from '../../../rehearsal/processes/unprivileged.ts';
import { useSite } from './site.ts';

const site = useSite();
const isRoot = process.getuid?.() === 0;
const stranger = { uid: 65534, gid: 65534 };

/** A program in a directory that only its owner may enter, as below a root's home. */
function closedAway(name: string): string {
  const directory = join(site.directory, name);
  mkdirSync(join(directory, 'bin'), { recursive: true });
  writeFileSync(join(directory, 'bin', 'program'), '#!/bin/sh\necho it runs\n');
  chmodSync(join(directory, 'bin', 'program'), 0o755);
  chmodSync(directory, 0o700);
  return directory;
}

test.runIf(isRoot)('what another user cannot read is copied to where he can; what he can is left where it is', async () => {
  const directory = closedAway('closed');
  const program = join(directory, 'bin', 'program');
  const made: string[] = [];
  try {
    expect(canRun(stranger, program)).toBe(false);
    const tree = await runnableTree(stranger, directory, 'bin/program', `test-tree-${process.pid}`);
    made.push(tree);
    expect(tree).not.toBe(directory);
    expect(execFileSync(join(tree, 'bin/program'), { ...stranger, cwd: '/' }).toString()).toBe('it runs\n');
    const single = await runnableProgram(stranger, program, `test-program-${process.pid}`);
    made.push(dirname(single));
    expect(execFileSync(single, { ...stranger, cwd: '/' }).toString()).toBe('it runs\n');
    // The second time nothing is copied.
    const copied = statSync(single).ino;
    expect(statSync(await runnableProgram(stranger, program, `test-program-${process.pid}`)).ino).toBe(copied);

    chmodSync(directory, 0o755);
    expect(await runnableTree(stranger, directory, 'bin/program', 'never')).toBe(directory);
    expect(await runnableProgram(stranger, program, 'never')).toBe(program);
  } finally {
    for (const path of made) rmSync(path, { recursive: true, force: true });
  }
});

test('nobody changes who he is unless he is root', async () => {
  expect(serverUser() === undefined).toBe(!isRoot);
  expect(await runnableTree(undefined, '/any', 'bin/x', 'never')).toBe('/any');
});
