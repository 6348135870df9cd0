/**
 * The synthesized machines in the whole system: a run of each of their situations holds and is the same twice, and a machine or a policy that is wrong is caught by the
 * invariant that is about it. Each run in a process of its own, for it takes this one's time away.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Verdict } from '../../simulation/run.ts';

const run = promisify(execFile);
const cli = join(import.meta.dirname, '..', '..', 'simulation', 'cli.ts');
const releases = 'releases by their machine';
const revocations = 'a key revoked, by its machine';

async function traced(situation: string, seed: number): Promise<readonly string[]> {
  const { stdout } = await run(process.execPath, [cli, '--seed', String(seed), '--situation', situation, '--trace'], { env: { ...process.env, NO_COLOR: '1' }, maxBuffer: 1e8 });
  return stdout.trimEnd().split('\n');
}

test('releases by their machine: one that sends nothing is rolled back, a good one replaces the tasks; byte by byte the same again', async () => {
  const [lines, again] = await Promise.all([traced(releases, 1), traced(releases, 1)]);
  expect(again).toEqual(lines);
  expect(lines.at(-2)).toContain('every invariant held');
  const ended = lines.filter((line) => / cutover-\d+: (?:Succeeded|RolledBack|NeedsAPerson): /.test(line));
  expect(ended.some((line) => line.includes('RolledBack: The new colour had too few orders accepted'))).toBe(true);
  expect(ended.at(-1)).toContain('Succeeded');
  // The machine's states, the guards' hand-over and the traders' orders are of one history.
  const of = (pattern: RegExp): number => lines.findLastIndex((line) => pattern.test(line));
  expect([of(/entered Ask the holder to hand over/), of(/lease: .* draining/), of(/guard: info lease standby → granted/), of(/entered Does the new colour trade\?/), of(/entered The cutover succeeded/)])
    .toSatisfy((at: readonly number[]) => at.every((each, index) => each > (at[index - 1] ?? 0)));
}, 60_000);

test('a Region is lost in one blow: the machine in the other one moves the book, and its standby trades it', async () => {
  const lines = await traced('a Region lost, by its machine', 5);
  expect(lines.at(-2)).toContain('every invariant held');
  const at = (pattern: RegExp): number => lines.findIndex((line) => pattern.test(line));
  const steps = [
    at(/fault: .*lose-region.*home/), at(/failover-1: entered Look for signs of life/), at(/lease: .* home us-west-2/), at(/venue: .* of epoch 2: accepted/), at(/failover-1: Succeeded/),
  ];
  expect(steps.every((each, index) => each > (steps[index - 1] ?? 0)), String(steps)).toBe(true);
}, 60_000);

test('a key is revoked at once: every task has proved the next one before the venue forgets it, and the book trades again', async () => {
  const lines = await traced(revocations, 1);
  expect(lines.at(-2)).toContain('every invariant held');
  const at = (pattern: RegExp): number => lines.findIndex((line) => pattern.test(line));
  const steps = [
    at(/revoke-now-1: entered Make a new key at the venue/), at(/us-east-1\/blue\/i\d guard: info the venue accepts the key.*"before"/), at(/revoke-now-1: entered Delete the old key and see it refused/),
    at(/revoke-now-1: entered Look whether the book trades again/), at(/revoke-now-1: Succeeded/),
  ];
  expect(steps.every((each, index) => each > (steps[index - 1] ?? 0)), String(steps)).toBe(true);
}, 60_000);

describe('what is made wrong is caught', () => {
  test.each([
    ['a rotation proves nothing', revocations, '6. a working key is there at all times, and none is revoked before its successor was proved'],
    ['what is live is recorded before it trades', releases, '5. a rollback restores what was'],
    ['a rollback ends with a name of its own', releases, '8. every execution ends, in bounded time once faults stop'],
    ['a rollback leaves the new colour', releases, '9. nothing is left over'],
    ['no function may write the lease', releases, '11. no call succeeds that the synthesized policy does not allow'],
  ])('%s', async (what, situation, invariant) => {
    const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'made-wrong.ts'), what, situation, '1']);
    expect(JSON.parse(stdout) as Verdict).toMatchObject({ kind: 'broken', invariant });
  }, 60_000);
});
