/** Rollbacks: of a release that trades, to one that is warm, cold, or known by its image alone. */
import { haltOf } from '../../lib/lease/control.ts';
import type { Epoch } from '../../lib/lease/model.ts';
import { book, CutoverWorld, executionArn as cutoverArn, images } from '../worlds/cutover.ts';
import { haltMeanwhile } from './cutover.ts';

export const execution = 'arn:aws:states:us-east-1:111111111111:execution:baton-dev-rollback:run-1';
export const request = { book, to: 'previous', reason: 'it loses money', requestedBy: 'ada' } as const;
export const family = 'baton-dev-alpha';
export const digests = { first: `sha256:${'1'.repeat(64)}`, good: `sha256:${'2'.repeat(64)}`, bad: `sha256:${'3'.repeat(64)}` };
export const good = { imageDigest: digests.good, guardDigest: images.guard, taskDefinition: `${family}:2` };
export const bad = { imageDigest: digests.bad, guardDigest: images.guard, taskDefinition: `${family}:3` };

/** Green trades the bad release since epoch 8; whether blue still runs the good one is told by each scenario. */
export async function badTrades(): Promise<CutoverWorld> {
  const world = await CutoverWorld.new();
  for (const [n, digest] of Object.values(digests).entries()) world.revisions.set(`${family}:${n + 1}`, digest);
  world.startedDigest = digests.good;
  world.set({ mode: 'open', epoch: 8 as Epoch, holder: world.instance('green', 1), heartbeat: 3, live: bad, previous: good });
  world.taskSets.push({ Id: 'ts-bad', ExternalId: 'green', TaskDefinition: bad.taskDefinition, Status: 'PRIMARY', looks: 9 });
  world.primary = 'ts-bad';
  for (const n of [1, 2]) world.register('green', n, digests.bad);
  return world;
}

export async function stillWarm(): Promise<CutoverWorld> {
  const world = await badTrades();
  world.taskSets.push({ Id: 'ts-good', ExternalId: 'blue', TaskDefinition: good.taskDefinition, Status: 'ACTIVE', looks: 9 });
  for (const n of [1, 2]) world.register('blue', n, digests.good);
  return world;
}

export const scenarios = {
  cold: badTrades,
  /** The cutover keeps the old colour warm. */
  warm: async () => {
    const world = await stillWarm();
    await world.control.takeWorkflow(book, cutoverArn);
    return world;
  },
  /** The cutover bakes: nothing was recorded yet. */
  baking: async () => {
    const world = await stillWarm();
    world.set({ live: good, previous: { imageDigest: digests.first, guardDigest: images.guard, taskDefinition: `${family}:1` } });
    for (const set of world.taskSets) set.Status = set.Id === 'ts-good' ? 'PRIMARY' : 'ACTIVE';
    world.primary = 'ts-good';
    await world.control.takeWorkflow(book, cutoverArn);
    return world;
  },
  halted: async () => {
    const world = await badTrades();
    world.store.writeNow(haltOf(book, { reason: 'it loses money', by: 'ada' }));
    world.set({ epoch: 9 as Epoch, grantId: `${world.instance('green', 1)}#1` }, ['holder']);
    return world;
  },
  byImage: async () => {
    const world = await badTrades();
    world.startedDigest = digests.first;
    return world;
  },
  leftover: async () => {
    const world = await badTrades();
    world.taskSets.push({ Id: 'ts-left', ExternalId: 'blue', TaskDefinition: 'x:1', Status: 'ACTIVE', looks: 0 });
    return world;
  },
  unhealthy: async () => {
    const world = await badTrades();
    world.startedDigest = digests.bad;
    return world;
  },
  lateDrain: async () => Object.assign(await badTrades(), { onDrain: () => undefined }),
  haltedMeanwhile: async () => Object.assign(await badTrades(), { onDrain: haltMeanwhile }),
  putBack: badTrades,
} satisfies Record<string, () => Promise<CutoverWorld>>;
export const putBack = { restoreDatabaseTo: '2026-11-20T11:00:00+01:00', acceptDataLoss: { reason: 'the release wrote nonsense', approvedBy: 'grace' } };
export const inputOf = (scenario: string): { readonly [field: string]: never } =>
  ({ ...request, ...(scenario === 'byImage' && { to: { imageDigest: digests.first } }), ...(scenario === 'putBack' && putBack) }) as never;
