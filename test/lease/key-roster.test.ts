/** Who is on the roster, and what each says of the key: on a clock of the test's own. */
import { expect, test } from 'vitest';
import { KeyRoster } from '../../lib/lease/key-roster.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { instanceId, type BookName, type InstanceId, type KeyReport } from '../../lib/lease/model.ts';

const book = 'alpha' as BookName;
const leaseMs = 5000;
const [blue, green, west] = [instanceId('us-east-1', 'blue', 'a1'), instanceId('us-east-1', 'green', 'b2'), instanceId('us-west-2', 'blue', 'c3')];

interface World {
  readonly roster: KeyRoster;
  readonly store: MemoryLeaseStore;
  /** Each registers every second. */
  readonly living: Map<InstanceId, KeyReport | undefined>;
  readonly pass: (ms: number) => Promise<void>;
  readonly elapsedMs: () => number;
}

async function world(...instances: readonly InstanceId[]): Promise<World> {
  const store = new MemoryLeaseStore();
  await new LeaseControl(store).createBook({ book, home: 'us-east-1', leaseMs });
  const living = new Map<InstanceId, KeyReport | undefined>(instances.map((instance) => [instance, undefined]));
  let nowMs = 0;
  let beat = 0;
  const register = async (): Promise<void> => {
    beat += 1;
    for (const [instance, venueKey] of living) {
      await store.register({
        book, instance, colour: 'blue', region: 'r', imageDigest: 'd', ready: true, reconciled: true, beat, ...(venueKey !== undefined && { venueKey }),
      });
    }
  };
  const pass = async (ms: number): Promise<void> => {
    const endMs = nowMs + ms;
    for (let secondMs = Math.ceil((nowMs + 1) / 1000) * 1000; secondMs <= endMs; secondMs += 1000) await register();
    nowMs = endMs;
  };
  await register();
  return { roster: new KeyRoster({ store, book, monotonicMs: () => nowMs, pause: pass }), store, living, pass, elapsedMs: () => nowMs };
}

test('who lives says which version it proved and uses, in either Region; known as soon as every beat was seen to move', async () => {
  const { roster, living, elapsedMs } = await world(blue, green, west);
  living.set(blue, { proved: 'v2', uses: 'v2', otherUsedMsAgo: 700 }).set(green, { proved: 'v1', uses: 'v1', refused: 'v2' }).set(west, undefined);
  const members = await roster.members();
  expect(members).toEqual([
    { instance: blue, proved: 'v2', uses: 'v2', otherUsedMsAgo: 700 }, { instance: green, proved: 'v1', uses: 'v1', refused: 'v2' }, { instance: west },
  ]);
  expect(elapsedMs()).toBeLessThan(leaseMs / 2);
});

test('one whose beat stands still for a lease is not there; one that comes back is again', async () => {
  const { roster, living, pass } = await world(blue, green);
  const names = async (): Promise<readonly string[]> => (await roster.members()).map(({ instance }) => instance);
  expect(await names()).toEqual([blue, green]);
  living.delete(green);
  await pass(leaseMs - 2000);
  expect(await names()).toEqual([blue, green]);
  await pass(3000);
  expect(await names()).toEqual([blue]);
  living.set(green, undefined);
  await pass(1000);
  expect(await names()).toEqual([blue, green]);
});

test('nobody is on the roster of a book without tasks; what a life has left does not count', async () => {
  const { roster, store, elapsedMs } = await world();
  expect(await roster.members()).toEqual([]);
  await store.register({ book, instance: blue, colour: 'blue', region: 'r', imageDigest: 'd', ready: true, reconciled: true, beat: 7 });
  expect(await roster.members()).toEqual([]);
  expect(elapsedMs()).toBeGreaterThan(leaseMs);
});

test('an announcement is what everyone reads beside the lease', async () => {
  const { roster, store } = await world();
  await roster.announce('v1');
  await roster.announce('v2');
  expect((await store.readAll(book)).announcedKey).toBe('v2');
  expect((await store.readAll(book)).lease).toEqual(await store.read(book));
});
