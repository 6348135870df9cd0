import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { reaperSteps, type Temporary } from '../../lib/backups/reaper.ts';
import { temporaryTags } from '../../lib/contracts/backups.ts';

const nowMs = Date.parse('2026-11-22T12:00:00Z');
const hoursAgo = (hours: number): Date => new Date(nowMs - hours * 3_600_000);
const tagged = new Map([[temporaryTags.execution, 'arn:aws:states:…']]);

async function reap(found: readonly Temporary[], remove: (name: string) => Promise<void> = async () => undefined): Promise<{ work: string; removed: string[]; failed: string[] }> {
  const removed: string[] = [];
  const kinds = [{ what: 'the database', list: async () => found, remove: async (name: string) => { await remove(name); removed.push(name); } }];
  const { work, failed } = await reaperSteps({ prefix: 'baton-dev', oldestHours: 8, kinds, nowMs: () => nowMs }).reap({});
  return { work, removed, failed };
}
const left = { name: 'baton-dev-verify-1', tags: tagged, madeAt: hoursAgo(9), going: false };

test('what a verification or a restore left behind goes', async () => {
  expect(await reap([left, { ...left, name: 'baton-dev-restore-2' }])).toEqual({ work: 'reaped', removed: ['baton-dev-verify-1', 'baton-dev-restore-2'], failed: [] });
});

test.each<[string, Temporary]>([
  ['the database itself, even if somebody tagged it', { ...left, name: 'baton-dev' }],
  ['what was set aside', { ...left, name: 'baton-dev-before-1' }],
  ["another installation's", { ...left, name: 'baton-devil-verify-1' }],
  ['what lacks the tag', { ...left, tags: new Map() }],
  ['what may still be in use', { ...left, madeAt: hoursAgo(8) }],
  ['what has no time yet', { ...left, madeAt: undefined }],
  ['what goes already', { ...left, going: true }],
])('left alone is %s', async (_what, found) => {
  expect(await reap([found])).toEqual({ work: 'nothing', removed: [], failed: [] });
});

test('one that cannot be removed is said, and the others go', async () => {
  const answer = await reap([left, { ...left, name: 'baton-dev-verify-2' }], async (name) => {
    if (name.endsWith('1')) throw new Error('still creating');
  });
  expect(answer).toEqual({ work: 'failed', removed: ['baton-dev-verify-2'], failed: ['the database baton-dev-verify-1: still creating'] });
});

test('whatever there is, nothing goes that is not old, tagged and named as temporary', async () => {
  const name = fc.oneof(fc.constantFrom('baton-dev', 'baton-dev-verify-x', 'baton-dev-restore-x', 'baton-dev-cache-x', 'baton-dev-before-x', 'other-verify-x'), fc.string());
  const found = fc.record({
    name, tags: fc.constantFrom(tagged, new Map<string, string>()), madeAt: fc.option(fc.integer({ min: 0, max: 20 }).map(hoursAgo), { nil: undefined }), going: fc.boolean(),
  });
  await fc.assert(fc.asyncProperty(fc.array(found), async (all) => {
    const { removed } = await reap(all);
    const may = all.filter((each) => /^baton-dev-(verify|restore|cache)-/.test(each.name) && each.tags.size > 0 && each.madeAt !== undefined && each.madeAt < hoursAgo(8) && !each.going);
    expect(removed).toEqual(may.map((each) => each.name));
  }));
});
