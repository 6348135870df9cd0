/** The synthesized verification of backups, run by the engine: every ending, and every Catch, Retry and branch of a Choice by name. */
import { describe, expect, it } from 'vitest';
import { compressedMs } from '../../rehearsal/clock.ts';
import { TaskFailure } from '../../rehearsal/states/engine.ts';
import { scenarios, worldWith } from '../../simulation/scenes/backup-verification.ts';
import { executionArn, found, request, VerificationWorld } from '../../simulation/worlds/verification.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const { machines } = synthesizedMachines();
const coverage = new Coverage(machines.get('backup-verification')!);
const run = (world: VerificationWorld, input: object = request) => coverage.run(world, input as never, executionArn);
const reportOf = (world: VerificationWorld) => world.reports.get('backup-verifications/ledger/run-1.json');
const name = 'baton-dev-verify-';

describe('a verification that succeeds', () => {
  it('restores the newest backup, judges it against the watermark before it, signs what it found and leaves nothing', async () => {
    const world = await scenarios.healthy();
    expect((await run(world)).ending).toBe('Succeeded');
    expect({ database: world.database, cache: world.cache }).toEqual({});
    const restore = world.calls.find(({ what }) => what === 'rds:restoreDBInstanceFromDBSnapshot')!.args;
    expect(restore).toMatchObject({
      DbSnapshotIdentifier: 'awsbackup:job-new', DbInstanceIdentifier: expect.stringContaining(name) as string, PubliclyAccessible: false, DbSubnetGroupName: expect.stringContaining('VerificationNetwork') as string,
      Tags: [{ Key: 'baton:temporary', Value: executionArn }, { Key: 'baton:made-at', Value: '2026-11-25T20:00:00.000Z' }],
    });
    const judged = world.calls.find(({ state }) => state === 'Judge the restored ledger')!.args['Payload'] as Record<string, unknown>;
    expect(judged).toMatchObject({ watermarkKey: expect.stringMatching(/^watermarks\/2026-11-25T19:25/) as string, venueFillsKey: expect.stringMatching(/^venue-fills\//) as string });
    expect(reportOf(world)).toMatchObject({ outcome: 'succeeded', verified: true, requestedBy: 'ada', rpoSeconds: 1800 });
    expect(world.signed()).toMatchObject({
      verified: true, installation: 'baton-dev', why: '', leftOver: '', rpoSeconds: 1800, rtoSeconds: expect.any(Number) as number,
      findings: ['pages of orders', 'pages of catalogs', 'rows', 'positions', 'cache'].map((check) => expect.objectContaining({ check, ok: true }) as object),
    });
    expect(world.notices).toEqual(['Baton: backup verification of ledger succeeded']);
  });

  it('measures the recovery time until an answer, and not until RDS says available', async () => {
    const world = await worldWith({ answersAfter: 20 })();
    expect((await run(world)).ending).toBe('Succeeded');
    const quick = await scenarios.healthy();
    await run(quick);
    expect(Number(world.signed()!['rtoSeconds']) - Number(quick.signed()!['rtoSeconds'])).toBe((18 * compressedMs(15)) / 1000);
  });

  it('takes any of the backups when it is asked to, and then says nothing of the recovery point', async () => {
    const world = await worldWith({ snapshots: [{ age: 30, snapshot: 'a' }, { age: 100, snapshot: 'b' }] })();
    expect((await run(world, { ...request, pick: 'random' })).ending).toBe('Succeeded');
    expect(world.calls.find(({ what }) => what === 'rds:restoreDBInstanceFromDBSnapshot')!.args['DbSnapshotIdentifier']).toBe('b');
    expect(world.signed()).toMatchObject({ rpoSeconds: null });
  });

  it.each([['there is a cache', 'some'], ['there is none', undefined]] as const)('asks again to remove what AWS does not let go at once, when %s', async (_, cacheSnapshot) => {
    const world = await worldWith({ removalsRefused: 1, cacheSnapshot })();
    expect((await run(world)).ending).toBe(cacheSnapshot === undefined ? 'NeedsAPerson' : 'Succeeded');
    expect({ database: world.database, cache: world.cache, refusals: world.removalsRefused }).toEqual({ refusals: 0 });
  });

  it('finds what it restored in an earlier attempt', async () => {
    const world = await worldWith({ database: { status: 'creating', looks: 0 } })();
    expect((await run(world)).ending).toBe('Succeeded');
  });
});

describe('a backup that is not verified', () => {
  it.each([
    ['because something in it is wrong', { findings: [found('rows', false, 'fills has 0 of the 9 rows')] }, /rows: fills has 0 of the 9 rows/],
    ['because the cache has no file', { cacheSnapshot: undefined }, /cache: there is no snapshot of it/],
    ['because it is never restored', { restoredAs: 'stuck' }, /was not available within 3600 s; it is creating/],
    ['because what was restored failed', { restoredAs: 'failed' }, /What was restored is failed/],
    ['because it never answers', { answersAfter: 1000 }, /did not answer within 600 s/],
    ['because the venue says nothing', { venueAnswers: false }, /The venue did not tell its fills: the venue is closed/],
    ['because the cache is never restored', { cacheAs: 'stuck' }, /cache was not restored within 1800 s/],
    ['because the cache cannot be restored', { cacheAs: 'create-failed' }, /The cache could not be restored/],
    ['because the cache cannot be read', { cacheAs: 'silent' }, /it does not load/],
  ] as const)('%s: it says so, signs it and leaves nothing', async (_, more, why) => {
    const world = await worldWith(more as Partial<VerificationWorld>)();
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(/The backup is not verified/);
    expect(cause).toMatch(why);
    expect({ database: world.database, cache: world.cache }).toEqual({});
    expect(world.signed()).toMatchObject({ verified: false });
    expect(world.notices).toEqual(['Baton: backup verification of ledger needs-a-person']);
  });

  it('is one of a database whose key is off, which says so', async () => {
    const world = await scenarios.healthy();
    world.faults.set('Restore the backup into isolation', () => {
      throw new TaskFailure('Rds.KmsKeyNotAccessibleException', 'The KMS key is disabled');
    });
    expect((await run(world)).cause).toMatch(/The KMS key is disabled/);
    expect(world.signed()).toMatchObject({ verified: false, rtoSeconds: null });
  });

  it('is none at all where there is no backup', async () => {
    const world = await worldWith({ snapshots: [] })();
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(/holds no finished snapshot/);
    expect(world.visited()).not.toContain('Restore the backup into isolation');
  });

  it('gets a second password when RDS takes it too late, and a person after its limit', async () => {
    const world = await scenarios.healthy();
    world.faults.set('Look whether the password is set', () => {
      world.skippedMs += 1_000_000;
      return { DbInstances: [{ DbInstanceStatus: 'resetting-master-credentials', Endpoint: { Address: 'restored', Port: 5432 } }] };
    });
    expect((await run(world)).cause).toMatch(/did not take its password within 900 s; it is resetting-master-credentials/);
  });

  it('is one of which a table cannot be inspected', async () => {
    const world = await scenarios.healthy();
    world.faults.set('Inspect one table and its indexes', () => {
      throw new TaskFailure('Unforeseen', 'it said so');
    });
    expect((await run(world)).cause).toMatch(/not verified: Inspect every page of what was restored: Unforeseen it said so/);
    expect(world.database).toBeUndefined();
  });

  it('is told when what was restored fails under its password', async () => {
    const world = await scenarios.healthy();
    world.faults.set('Look whether the password is set', () => ({ DbInstances: [{ DbInstanceStatus: 'failed' }] }));
    expect((await run(world)).cause).toMatch(/What was restored is failed/);
  });
});

describe('what cannot be removed', () => {
  it.each([
    ['database', 'Remove the restored database', /The backup is verified\. The restored database baton-dev-verify-\w+ is left/],
    ['cache', 'Remove the restored cache', /The backup is verified\. The restored cache baton-dev-verify-\w+ is left/],
  ] as const)('is named, and the rest is removed: the %s', async (kept, state, why) => {
    const world = await scenarios.healthy();
    world.faults.set(state, () => {
      throw new TaskFailure('Unforeseen', 'it said so');
    });
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(why);
    expect([world.database === undefined, world.cache === undefined]).toEqual([kept !== 'database', kept !== 'cache']);
    expect(world.signed()).toMatchObject({ verified: true, leftOver: expect.stringContaining('is left') as string });
  });

  it('is waited for no longer than its limit, and is named beside what the backup lacks', async () => {
    const world = await worldWith({ removes: false, findings: [found('rows', false, 'few')] })();
    expect((await run(world)).cause).toMatch(/not verified: rows: few\. The restored cache \S+ is left: it was not gone within 1800 s\. The restored database \S+ is left/);
  });
});

describe('a request', () => {
  it.each([
    ['of another kind', { ...request, pick: 'oldest' }, /pick/],
    ['with more than anybody reads', { ...request, force: true }, /has fields that nobody reads: force/],
  ])('is refused %s, and nothing is made', async (_, input, why) => {
    const world = await scenarios.healthy();
    const { ending, cause } = await run(world, input);
    expect(ending).toBe('Refused');
    expect(cause).toMatch(why);
    expect(world.calls.map(({ what }) => what)).toEqual(['lambda:invoke']);
  });
});

await coverage.everyFault({
  scenarios,
  input: () => request,
  execution: executionArn,
  beside: (error, world) => {
    if (error === 'Rds.DbInstanceNotFoundException') world.database = undefined;
    if (error === 'ElastiCache.ReplicationGroupNotFoundException') world.cache = undefined;
    if (error === 'Rds.DbInstanceAlreadyExistsException') world.database = { status: 'creating', looks: 0 };
  },
  endingOf: (_, error, usually) => {
    if (error === 'refusal') return 'Refused';
    return /NotFoundException|AlreadyExistsException/.test(error) ? usually : 'NeedsAPerson';
  },
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
