/** Guards in this process, on one lease table in memory that takes its time to answer, as a network does. */
import { setTimeout as delay } from 'node:timers/promises';
import { Guard } from '../../containers/guard/guard.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { instanceId, type BookName, type Colour, type MonotonicNs, type Registration } from '../../lib/lease/model.ts';
import type { BookState, LeaseWrite, WriteAnswer } from '../../lib/lease/store.ts';

export const book = 'alpha' as BookName;
const region = 'us-east-1';
const latencyMs = 5;
export const monotonicNs = (): MonotonicNs => process.hrtime.bigint() as MonotonicNs;
export const after = (ms: number, callback: () => void): (() => void) => {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
};

/** Whoever polls without pause would otherwise leave no turn to anybody. */
class DistantStore extends MemoryLeaseStore {
  override async readAll(of: BookName): Promise<BookState> {
    await delay(latencyMs);
    return super.readAll(of);
  }
  override async write(write: LeaseWrite): Promise<WriteAnswer> {
    await delay(latencyMs);
    return super.write(write);
  }
  override async register(registration: Registration): Promise<void> {
    await delay(latencyMs);
    await super.register(registration);
  }
}

export async function createBook(leaseMs: number): Promise<{ readonly store: MemoryLeaseStore; readonly control: LeaseControl }> {
  const store = new DistantStore();
  const control = new LeaseControl(store);
  await control.createBook({ book, home: region, leaseMs });
  return { store, control };
}

export function startGuard(store: MemoryLeaseStore, colour: Colour, drainTimeoutMs: number): Guard {
  const guard = new Guard({
    identity: {
      book, region, instance: instanceId(region, colour, 'a1'), colour, imageDigest: 'sha256:1', driftPpm: 10_000,
      drainTimeoutMs, venueUncertaintyMs: 250, terminateWithinMs: 1000,
    },
    store,
    venueTime: async () => ({ venueMs: Date.now(), resolutionMs: 1 }),
    monotonicNs, after, log: () => undefined,
  });
  guard.start();
  return guard;
}
