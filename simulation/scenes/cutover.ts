/** Cutovers: what each finds, and what goes wrong without any fault. */
import { haltOf } from '../../lib/lease/control.ts';
import type { Epoch } from '../../lib/lease/model.ts';
import type { Json } from '../../rehearsal/states/engine.ts';
import { book, CutoverWorld, request } from '../worlds/cutover.ts';
import type { Desk } from '../worlds/desk.ts';

/** What ada types: with a proof of herself where approvals are wanted. */
export function typed(world: CutoverWorld, more: Record<string, Json> = {}): Json {
  return { ...request, ...(world.approvalsRequired > 0 && { proof: world.desk().request('ada', 'run-1') }), ...more };
}

/** A world in which changes need two approvals, and what people do each time the machine looks. */
export async function asked(act: (desk: Desk, looks: number) => unknown): Promise<CutoverWorld> {
  const world = await CutoverWorld.trading();
  let looks = 0;
  return Object.assign(world, { approvalsRequired: 2, onAsked: (desk: Desk) => act(desk, (looks += 1)) });
}

/** Somebody halts the book when its holder was asked for it: who holds it gives it up, and nobody takes it. */
export function haltMeanwhile(world: CutoverWorld): void {
  world.store.writeNow(haltOf(book, { reason: 'it looks odd', by: 'grace' }));
  world.set({ epoch: (world.lease().epoch + 1) as Epoch }, ['holder']);
}

/** Sets up a world and lets it go wrong in one way. */
export const scenarios = {
  second: () => CutoverWorld.trading(),
  first: () => CutoverWorld.new(),
  leftover: async () => {
    const world = await CutoverWorld.trading();
    world.taskSets.push({ Id: 'ts-left', ExternalId: 'green', TaskDefinition: 'x', Status: 'ACTIVE', looks: 0 });
    return world;
  },
  unhealthy: async () => Object.assign(await CutoverWorld.trading(), { standbysReady: false }),
  snapshotStuck: async () => Object.assign(await CutoverWorld.trading(), { snapshotCompletes: false }),
  snapshotFails: async () => Object.assign(await CutoverWorld.trading(), { snapshotFails: true }),
  tasksStuck: async () => Object.assign(await CutoverWorld.trading(), { tasksRun: false }),
  lateDrain: async () => Object.assign(await CutoverWorld.trading(), { onDrain: () => undefined }),
  haltedMeanwhile: async () => Object.assign(await CutoverWorld.trading(), { onDrain: haltMeanwhile }),
  haltedOnTheWayBack: async () => {
    const world = await CutoverWorld.trading();
    world.trades = () => false;
    world.onDrain = (_, to) => (to === 'blue' ? haltMeanwhile(world) : world.handOver(to));
    return world;
  },
  stalled: async () => {
    const world = await CutoverWorld.trading();
    world.trades = (colour) => colour === 'blue';
    return world;
  },
  contracts: async () => Object.assign(await CutoverWorld.trading(), { migrationExits: { 'migrate-expand': 10, 'migrate-contract': 0 } }),
  expansionStuck: async () => Object.assign(await CutoverWorld.trading(), { migrationExits: {} }),
  contractionStuck: async () => Object.assign(await CutoverWorld.trading(), { migrationExits: { 'migrate-expand': 10 } }),
  approved: () => asked((desk, looks) => looks > 1 && desk.decide(['grace', 'edsger'][looks - 2] ?? 'edsger', 'approve', 'run-1')),
  unapproved: () => asked((desk) => desk.decide('grace', 'approve', 'run-1')),
} satisfies Record<string, () => Promise<CutoverWorld>>;
