/** A book moves to another Region: the machine's write, whom it may be taken from, and who takes the book there. */
import { beforeEach, describe, expect, test } from 'vitest';
import { haltOf, LeaseControl, moveHomeOf } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { instanceId, lastHolder, type BookName, type Colour, type Epoch, type Lease, type WorkflowToken } from '../../lib/lease/model.ts';
import { initialState, step, type InstanceState, type LeaseEvent } from '../../lib/lease/protocol.ts';

const book = 'alpha' as BookName;
const home = 'us-east-1';
const away = 'us-west-2';
const move = { from: home, to: away };
const holder = instanceId(home, 'blue', 'i1');
const live = { imageDigest: 'sha256:live', guardDigest: 'sha256:guard', taskDefinition: 'family:12' };
let store: MemoryLeaseStore;
let control: LeaseControl;

beforeEach(async () => {
  store = new MemoryLeaseStore();
  control = new LeaseControl(store);
  await control.createBook({ book, home, leaseMs: 5000 });
  set({ mode: 'open', epoch: 7 as Epoch, holder, heartbeat: 9, live });
});

const lease = (): Lease => store.readNow(book)!;
function set(values: Partial<Pick<Lease, 'mode' | 'epoch' | 'holder' | 'heartbeat' | 'live' | 'previous' | 'successor' | 'home'>>): void {
  store.writeNow({ name: 'renew', book, expects: [], set: values });
}

describe('moving the home', () => {
  test('gives the book to the other Region and leaves the epoch to who takes it there', async () => {
    const { token } = await control.takeWorkflow(book, 'failover');
    expect(await control.moveHome(book, token, move)).toMatchObject({ home: away, mode: 'open', epoch: 7, holder });
    // A repeat, after a lost answer, changes nothing.
    const before = lease();
    await control.moveHome(book, token, move);
    expect(lease()).toEqual(before);
  });

  test('ends a drain in the same write', async () => {
    set({ mode: 'draining', successor: 'green' });
    const { token } = await control.takeWorkflow(book, 'failover');
    const moved = await control.moveHome(book, token, move);
    expect(moved).toMatchObject({ home: away, mode: 'open' });
    expect(moved).not.toHaveProperty('successor');
  });

  test('leaves a halted book halted', async () => {
    store.writeNow(haltOf(book, { reason: 'orders that nobody understands', by: 'ada' }));
    const { token } = await control.takeWorkflow(book, 'failover');
    expect(await control.moveHome(book, token, move)).toMatchObject({ home: away, mode: 'halted', halt: { by: 'ada' } });
  });

  test('goes on when the book is halted in the same moment, and does not end the halt', async () => {
    const { token } = await control.takeWorkflow(book, 'failover');
    const read = store.read.bind(store);
    store.read = async (name) => {
      const before = await read(name);
      store.writeNow(haltOf(book, { reason: 'in between', by: 'ada' }));
      return before;
    };
    expect(await control.moveHome(book, token, move)).toMatchObject({ home: away, mode: 'halted' });
  });

  test('is refused where the home is a third one, and without the lock', async () => {
    const { token } = await control.takeWorkflow(book, 'failover');
    await expect(control.moveHome(book, token, { from: away, to: 'us-east-2' })).rejects.toMatchObject({
      name: 'LeaseConflictError', message: expect.stringContaining(`home ${home}`) as string,
    });
    await control.releaseWorkflow(book, 'failover');
    await expect(control.moveHome(book, token, move)).rejects.toMatchObject({ name: 'WorkflowPreemptedError' });
    expect(store.writeNow(moveHomeOf(lease(), token, away)).outcome).toBe('refused');
    expect(lease().home).toBe(home);
  });
});

describe('what is live, in another Region', () => {
  test('is the same release under its own revision, and what was live before is forgotten', async () => {
    set({ previous: { ...live, taskDefinition: 'family:11' } });
    const { token } = await control.takeWorkflow(book, 'failover');
    expect((await control.relocateLive(book, token, 'family:3')).live).toEqual({ ...live, taskDefinition: 'family:3' });
    expect(lease()).not.toHaveProperty('previous');
    expect(lease()).not.toHaveProperty('contractedBy');
  });

  test('is where a contraction of the schema counts from: older revisions have other numbers there', async () => {
    const { token } = await control.takeWorkflow(book, 'failover');
    await control.closeWayBack(book, token, 'family:12');
    expect((await control.relocateLive(book, token, 'family:3')).contractedBy).toBe('family:3');
  });

  test('needs something that was recorded', async () => {
    await control.createBook({ book: 'beta' as BookName, home, leaseMs: 5000 });
    const { token } = await control.takeWorkflow('beta' as BookName, 'failover');
    await expect(control.relocateLive('beta' as BookName, token, 'family:3')).rejects.toMatchObject({ name: 'LeaseConflictError' });
  });
});

describe('taking the book from whoever has it', () => {
  test('takes it from any but those that the caller excepts', async () => {
    await control.takeWorkflow(book, 'arn:cutover:run');
    const unlessFailover = (heldBy: string): boolean => !heldBy.startsWith('arn:failover:');
    expect(await control.takeWorkflow(book, 'arn:failover:one', unlessFailover)).toMatchObject({ token: 2 });
    await expect(control.takeWorkflow(book, 'arn:failover:two', unlessFailover)).rejects.toMatchObject({ name: 'BookBusyError', heldBy: 'arn:failover:one' });
  });
});

describe('who held last', () => {
  test.each([
    ['the holder', { holder, grantId: 'created' }, holder],
    ['who gave it up', { grantId: `${holder}#3` }, holder],
    ['nobody, of a book that was only created', { grantId: 'created' }, undefined],
  ] as const)('%s', (_, item, expected) => expect(lastHolder(item)).toBe(expected));
});

describe('who takes a book that has moved', () => {
  /** The first moment at which a standby of the new home writes a take-over, in leases since it saw the item first. */
  const takesAfterLeases = (colour: Colour, imageDigest: string, item: Lease): number => {
    const identity = {
      book, instance: instanceId(away, colour, 's1'), colour, region: away, imageDigest, driftPpm: 0,
      drainTimeoutMs: 1000, venueUncertaintyMs: 0, terminateWithinMs: 10_000,
    };
    let state: InstanceState = initialState(identity);
    const feed = (event: LeaseEvent): boolean => {
      const next = step(state, event);
      state = next.state;
      return next.effects.some((effect) => effect.kind === 'write' && effect.write.name === 'take-over');
    };
    feed({ kind: 'trader-status', ready: true, reconciled: true, now: 0 });
    for (let now = 0; now < 20_000; now += 100) {
      if (feed({ kind: 'read', book: { lease: item, registrations: [] }, now })) return Math.floor(now / item.leaseMs);
    }
    return Infinity;
  };
  const moved = (change: Partial<Lease>): Lease => ({ ...lease(), home: away, ...change });
  const gaveItUp = (): Lease => {
    const { holder: _gone, ...rest } = moved({ grantId: `${holder}#1`, epoch: 8 as Epoch, heartbeat: 0 });
    return rest;
  };

  test.each([
    ['whoever runs what is live, of either colour', 'green', live.imageDigest, () => moved({}), 1],
    ['whoever runs something else, a lease later', 'blue', 'sha256:newer', () => moved({}), 2],
    ['anybody, where nothing is recorded as live', 'green', 'sha256:newer', () => { const { live: _none, ...rest } = moved({}); return rest; }, 1],
    ['the live release at once when the holder gave the book up', 'green', live.imageDigest, gaveItUp, 0],
    ['another release a lease later than that', 'blue', 'sha256:newer', gaveItUp, 1],
    ['nobody, while the home is another', 'blue', live.imageDigest, () => lease(), Infinity],
    ['nobody, while it is halted', 'blue', live.imageDigest, () => moved({ mode: 'halted' }), Infinity],
  ] as const)('%s', (_, colour, imageDigest, item, leases) => {
    expect(takesAfterLeases(colour, imageDigest, item())).toBe(leases);
  });

  test('by colour again, once somebody of the new home has held it', () => {
    const held = moved({ holder: instanceId(away, 'green', 'n1'), epoch: 8 as Epoch, workflow: { token: 1 as WorkflowToken } });
    expect(takesAfterLeases('green', 'sha256:newer', held)).toBe(1);
    expect(takesAfterLeases('blue', live.imageDigest, held)).toBe(2);
  });
});
