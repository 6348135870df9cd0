/** Planned moves: what a switchover finds in both Regions, and a failback in the one that a failover has left. */
import { haltOf } from '../../lib/lease/control.ts';
import type { Epoch } from '../../lib/lease/model.ts';
import { MoveWorld } from '../worlds/move.ts';
import { alpha, away, beta, books, here } from '../worlds/recovery.ts';

export const request = { reason: 'a planned day', requestedBy: 'ada' };
export const executionOf = (what: string): string => `arn:aws:states:${here}:111111111111:execution:baton-dev-${what}:run-1`;
/** Sets up a world and lets it go wrong in one way. */
export const planned = {
  moves: () => MoveWorld.planned(),
  halted: async () => {
    const world = await MoveWorld.planned();
    world.store.writeNow(haltOf(alpha, { reason: 'the venue', by: 'ada' }));
    world.set(alpha, { epoch: 8 as Epoch }, ['holder']);
    return world;
  },
  writes: async () => {
    const world = await MoveWorld.planned();
    world.booksThatWrite.push(alpha);
    return world;
  },
  holderDoesNotStop: async () => {
    const world = await MoveWorld.planned();
    world.booksThatWrite.push(...books);
    return Object.assign(world, { holdersStop: false });
  },
  declined: async () => Object.assign(await MoveWorld.planned(), { declines: () => true }),
  late: async () => Object.assign(await MoveWorld.planned(), { handsOver: () => false }),
  partly: async () => Object.assign(await MoveWorld.planned(), { handsOver: (book: string) => book === beta }),
  booksHere: async () => {
    const world = await MoveWorld.planned();
    for (const book of books) world.take(book, world.instance(book, here), 8 as Epoch);
    return world;
  },
  databaseHere: async () => {
    const world = await MoveWorld.planned();
    Object.assign(world.database, { replica: false });
    world.databases[away]!.set('baton-dev', { status: 'available', of: here, readOnly: false, looks: 0, made: 2 });
    return world;
  },
  unprotected: () => MoveWorld.unprotected(),
  nameIsFree: async () => {
    const world = await MoveWorld.unprotected();
    world.databases[away]!.set('baton-dev-before-1', world.databases[away]!.get('baton-dev')!);
    world.databases[away]!.delete('baton-dev');
    return world;
  },
  ledgerStays: async () => Object.assign(await MoveWorld.planned(), { flushes: false }),
  secretsFail: async () => Object.assign(await MoveWorld.planned(), { secretsFail: 'the key is disabled' }),
} satisfies Record<string, () => Promise<MoveWorld>>;

export const left = {
  leftBehind: () => MoveWorld.leftBehind(),
  /** An earlier attempt has renamed what was here. */
  nameIsFreeHere: async () => {
    const world = await MoveWorld.leftBehind();
    world.databases[here]!.set('baton-dev-before-1', { status: 'available', readOnly: true, looks: 0, made: 1 });
    return Object.assign(world, { nameIsFree: true });
  },
  secretsFailHere: async () => Object.assign(await MoveWorld.leftBehind(), { secretsFail: 'the key is disabled' }),
};
