/**
 * The synthesized machines in the whole system: each story holds and is the same twice, and a machine, a rotation or a policy that is wrong is caught by the
 * invariant that is about it.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import type { RunResult } from '../../simulation/run.ts';

type Told = ReadonlyMap<string, Pick<RunResult, 'verdict' | 'hash' | 'lines'>>;

async function told(...which: readonly string[]): Promise<Told> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'stories.ts'), ...which], { maxBuffer: 1e8 });
  return new Map(JSON.parse(stdout) as [string, Pick<RunResult, 'verdict' | 'hash' | 'lines'>][]);
}

/** What happened, in this order. */
function inOrder(lines: readonly string[], patterns: readonly RegExp[]): void {
  let at = -1;
  for (const pattern of patterns) {
    const next = lines.findIndex((line, index) => index > at && pattern.test(line));
    expect(next, `${String(pattern)} after line ${at}`).toBeGreaterThan(at);
    at = next;
  }
}

describe('a story', () => {
  let stories: Told;
  let again: Told;
  beforeAll(async () => {
    [stories, again] = await Promise.all([told('told'), told('told', 'a key revoked')]);
  }, 360_000);

  test('holds, and is the same byte by byte when it is told again', () => {
    for (const [name, { verdict }] of stories) expect([name, verdict]).toEqual([name, { kind: 'holds' }]);
    expect(again.get('a key revoked')).toEqual(stories.get('a key revoked'));
  });

  test('of a release that sends nothing: its traders take the book, the machine hands it back and removes them; a good one stays', () => {
    inOrder(stories.get('a release that sends nothing, and a good one')!.lines, [
      /cutover-1: entered Ask the holder to hand over/, /lease: .* draining/, /green\/i\d guard: info lease standby → granted/, /cutover-1: entered Ask the new colour to hand back/,
      /blue\/i\d guard: info lease standby → granted/, /venue: .*: accepted/, /green\/i\d guard: info guard ended/, /cutover-1: RolledBack: The new colour had too few orders accepted/,
      /cutover-2: entered Ask the holder to hand over/, /green\/i\d guard: info lease standby → granted/, /cutover-2: entered Record in the lease what is live/,
      /blue\/i\d guard: info guard ended/, /cutover-2: Succeeded/,
    ]);
  });

  test('of a Region that is lost in one blow: the machine in the other one moves the book, and its standby trades it', () => {
    inOrder(stories.get('a Region lost')!.lines, [
      /lose-region.*home/, /failover-1: entered Look for signs of life/, /lease: .* home us-west-2/, /us-west-2\/blue\/i\d guard: info lease .* → granted/, /venue: .* of epoch 2: accepted/,
      /failover-1: Succeeded/,
    ]);
  });

  test('of a key that is revoked: every task has proved the next one before the venue forgets it, and the book trades again', () => {
    inOrder(stories.get('a key revoked')!.lines, [
      /lease: .* halted/, /revoke-now-1: entered Make a new key at the venue/, /us-east-1\/blue\/i\d guard: info the venue accepts the key.*"before"/,
      /us-west-2\/blue\/i\d guard: info the venue accepts the key.*"before"|us-east-1\/blue\/i\d guard: info the venue accepts the key.*"before"/,
      /revoke-now-1: entered Delete the old key and see it refused/, /revoke-now-1: entered Look whether the book trades again/, /venue: .*: accepted/, /revoke-now-1: Succeeded/,
    ]);
  });

  test('of a move by plan: the standby follows the release, the holder hands over to it in one write, and the other Region gets a replica', () => {
    inOrder(stories.get('a release, and a move by plan')!.lines, [
      /alpha-baton-dev-alpha-2-.*: Succeeded/, /cutover-1: Succeeded/, /switchover-\d: entered Ask the holder to hand over to this Region/, /lease: .* draining/,
      /lease: .* open, holder us-west-2\/\w+\/i\d+, home us-west-2/, /venue: .*: accepted/, /switchover-\d: entered Close the database of the old home/,
      /switchover-\d: entered Ask for the promotion of the replica/, /switchover-\d: Succeeded/,
    ]);
  });

  test('of a failback: what a failover left gives its name to a replica, and the book comes home', () => {
    inOrder(stories.get('home again after a failover')!.lines, [
      /lease: .* home us-west-2/, /failover-1: Succeeded/, /failback-2: entered Look whether the database of before may be written/, /lease: .* open, holder us-east-1\/.*, home us-east-1/,
      /failback-2: Succeeded/,
    ]);
  });

  test('of a halt while a release has the book: it is given back, and a person resumes it', () => {
    inOrder(stories.get('a halt in a hand-over')!.lines, [/cutover-1: entered/, /lease: .* halted/, /cutover-1: NeedsAPerson/, /resume-\d: Succeeded/]);
  });
});

describe('what is made wrong is caught', () => {
  let runs: Told;
  beforeAll(async () => {
    runs = await told('wrong');
  }, 360_000);

  test.each([
    ['what is live is recorded before it trades', '5. a rollback restores what was'],
    ['a move by plan says that it was rolled back', '5. a rollback restores what was'],
    ['a rotation proves nothing', '6. a working key is there at all times, and none is revoked before its successor was proved'],
    ['a rollback ends with a name of its own', '8. every execution ends, in bounded time once faults stop'],
    ['a rollback leaves the new colour', '9. nothing is left over'],
    ['no function may write the lease', '11. no call succeeds that the synthesized policy does not allow'],
  ])('%s', (what, invariant) => {
    expect(runs.get(what)?.verdict).toMatchObject({ kind: 'broken', invariant });
  });

  test('a move by plan that leaves the database behind never comes to rest, however often people start it again', () => {
    expect(runs.get('a move by plan leaves the database')?.verdict).toMatchObject({
      kind: 'no-progress', what: expect.stringMatching(/failback-\d\d|the database of us-west-2 is not written/) as string,
    });
  });
});
