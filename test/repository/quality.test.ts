/** Types and lint are part of the tests, so that one command says whether the tree is sound. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const root = dirname(dirname(import.meta.dirname));

test.each([
  ['types', 'tsc', []],
  ['types of what runs in a browser', 'tsc', ['-p', 'rehearsal/report/html/browser']],
  ['lint', 'oxlint', ['--type-aware', '--deny-warnings']],
] as const)('%s', (_name, command, args) => {
  const run = spawnSync(join(root, 'node_modules', '.bin', command), args, { cwd: root, encoding: 'utf8' });
  expect({ status: run.status, output: run.status === 0 ? '' : run.stdout + run.stderr + String(run.error ?? '') }).toEqual({
    status: 0,
    output: '',
  });
}, 360_000);
