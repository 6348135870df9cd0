/** What a drill decides outside the machine's own tests: whose turn it is, and whether the newest one that was passed is too long ago. */
import { describe, expect, it } from 'vitest';
import { shadowBook, type DrillReport } from '../../lib/contracts/drill.ts';
import { drillControlSteps, type DrillControlOptions } from '../../lib/drill/control-steps.ts';
import { lostHolder, Shadow } from '../../lib/drill/shadow.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import type { BookName } from '../../lib/lease/model.ts';
import { reportOf } from './reports.ts';

const [here, away] = ['us-west-2', 'us-east-1'];
const books = ['alpha', 'beta'] as BookName[];
const digest = `sha256:${'a'.repeat(64)}`;
const execution = `arn:aws:states:${here}:1:execution:baton-dev-dr-drill:1`;

async function standing({ homes = [away, away], reports = [] as readonly DrillReport[], now = '2026-11-10T00:00:00Z', ...more }: Partial<DrillControlOptions> & {
  readonly homes?: readonly string[]; readonly reports?: readonly DrillReport[]; readonly now?: string;
} = {}) {
  const store = new MemoryLeaseStore();
  const control = new LeaseControl(store);
  for (const [index, book] of books.entries()) {
    await control.createBook({ book, home: homes[index]!, leaseMs: 5000 });
    store.writeNow({ name: 'record-live', book, expects: [], set: { live: { imageDigest: digest, guardDigest: digest, taskDefinition: 't' } } });
  }
  const kept = new Map(reports.map((report) => [`drills/${report.begunAt}-${report.name}.json`, JSON.stringify(report)]));
  const shadow = new Shadow({ control, store, leaseMs: 5000 });
  const steps = drillControlSteps({
    installation: 'baton-dev', control, shadow, books, region: here, vault: 'v', objectives: {}, passedWithinDays: 40, nowMs: () => Date.parse(now),
    snapshots: async () => [{ snapshot: 's', recoveryPointArn: 'arn', createdAt: new Date(0) }],
    evidence: { write: async () => undefined, read: async (key) => JSON.parse(kept.get(key)!) as unknown, keys: async (prefix) => [...kept.keys(), 'drills/x.signature.json'].filter((key) => key.startsWith(prefix)) },
    admit: async () => undefined, sign: async () => ({ signature: '', keyArn: '', algorithm: '' }), patience: { looks: 1, pause: async () => undefined }, ...more,
  });
  return { steps, store, control, shadow };
}

describe('how long ago a drill was passed', () => {
  it('is recent up to the day, of the newest that was passed', async () => {
    const reports = [reportOf(0, { passed: false }), reportOf(1)];
    expect(await (await standing({ reports })).steps.age({})).toEqual({ state: 'recent', passedAt: reportOf(1).begunAt });
    expect((await (await standing({ reports, now: '2026-11-11T02:00:01Z' })).steps.age({})).state).toBe('overdue');
    expect((await (await standing({ reports, now: '2026-11-11T02:00:00Z' })).steps.age({})).state).toBe('recent');
  });

  it('is overdue where there never was one, and nobody asks where all books are at home', async () => {
    expect(await (await standing()).steps.age({})).toEqual({ state: 'overdue', passedAt: '' });
    expect((await (await standing({ homes: [here, away] })).steps.age({})).state).toBe('overdue');
    expect((await (await standing({ homes: [here, here] })).steps.age({})).state).toBe('elsewhere');
  });
});

it('takes the books in turn, another each month', async () => {
  const turns = await Promise.all(['2026-10-04', '2026-11-01', '2026-12-06', '2027-01-03'].map(async (day) => {
    const { steps } = await standing({ now: `${day}T02:00:00Z` });
    return (await steps.choose({ request: { book: 'in-turn', reason: 'it is time', requestedBy: 'ada' }, execution })).book;
  }));
  expect(new Set([turns[0], turns[2]]).size).toBe(1);
  expect(new Set(turns).size).toBe(2);
  expect(turns[3]).toBe(turns[1]);
});

describe('the shadow book', () => {
  it('is prepared once, however often: a repeat has the same token and epoch', async () => {
    const { shadow, store } = await standing();
    const first = await shadow.prepare(execution, away);
    expect(await shadow.prepare(execution, away)).toEqual(first);
    expect(store.readNow(shadowBook)).toMatchObject({ home: away, holder: lostHolder(away), mode: 'open', epoch: 1 });
  });

  it('is taken from an execution that was killed, and is left alone by whoever lost it', async () => {
    const { shadow, store } = await standing();
    const killed = await shadow.prepare(execution, away);
    const next = await shadow.prepare(`${execution}0`, away);
    expect([next.epoch, next.token > killed.token]).toEqual([2, true]);
    await expect(shadow.renewOnce(killed.token, killed.epoch)).rejects.toMatchObject({ name: 'WorkflowPreemptedError' });
    await shadow.finish(execution, killed.token);
    expect(store.readNow(shadowBook)).toMatchObject({ mode: 'open', workflow: { execution: `${execution}0` } });
    await shadow.finish(`${execution}0`, next.token);
    expect(store.readNow(shadowBook)).toMatchObject({ mode: 'halted', epoch: 2, workflow: { token: next.token } });
  });

  it('whose answer was lost is read again: what was written counts', async () => {
    const { control, store } = await standing();
    let lost = 0;
    const deaf = Object.assign(Object.create(store) as MemoryLeaseStore, {
      write: async (write: Parameters<MemoryLeaseStore['write']>[0]) => {
        const answer = await store.write(write);
        lost += 1;
        return lost > 1 ? answer : { outcome: 'ambiguous' as const, error: new Error('no answer') };
      },
    });
    const shadow = new Shadow({ control, store: deaf, leaseMs: 5000 });
    expect((await shadow.prepare(execution, away)).epoch).toBe(1);
    expect(lost).toBe(1);
  });
});
