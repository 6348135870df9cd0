/**
 * What the lease costs on the order path: a bot that follows the guard's stream computes its permits itself, one
 * that cannot asks the guard by HTTP. The guard here is the shipped class with its shipped API; it shares this
 * process with the client, which spares the HTTP request a change of process and so flatters it.
 */
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { guardApi } from '../containers/guard/api.ts';
import { Guard } from '../containers/guard/guard.ts';
import { LeaseControl } from '../lib/lease/control.ts';
import { MemoryLeaseStore } from '../lib/lease/memory-store.ts';
import { instanceId, type BookName, type MonotonicNs } from '../lib/lease/model.ts';
import { PermitSource } from '../lib/lease/permit-source.ts';
import { until } from '../rehearsal/until.ts';
import type { Bench } from './bench.ts';
import { rowOf } from './row.ts';

const book = 'alpha' as BookName;
const region = 'us-east-1';
const leaseMs = 5000;
/** Reading the clock twice costs as much as a check does: a sample is the mean over as many calls. */
const callsPerSample = 100;
const monotonicNs = (): MonotonicNs => process.hrtime.bigint() as MonotonicNs;

export const permit: Bench = {
  name: 'permit',
  summary: "The lease check on the trader's order path.",
  async run({ quick, progress }) {
    await using held = await heldGuard();
    const { source, url } = held;
    const samples = quick ? 100 : 1000;
    const inProcess = (call: () => unknown): number[] => {
      for (let warming = 0; warming < callsPerSample * 100; warming += 1) call();
      return Array.from({ length: samples }, () => {
        const began = process.hrtime.bigint();
        for (let each = 0; each < callsPerSample; each += 1) call();
        return Number(process.hrtime.bigint() - began) / 1000 / callsPerSample;
      });
    };
    const given = (permitted: { readonly error?: string }): void => {
      if (permitted.error !== undefined) throw new Error(`the guard refused a permit while it was measured: ${permitted.error}`);
    };
    const checks = inProcess(() => source.check(monotonicNs()) || given({ error: 'not-held' }));
    const permits = inProcess(() => given(source.permit() as { readonly error?: string }));
    progress.note('in process');
    const http: number[] = [];
    for (let each = 0; each < samples * 2; each += 1) {
      const began = process.hrtime.bigint();
      given((await (await fetch(`${url}/v1/permits`, { method: 'POST' })).json()) as { readonly error?: string });
      // The first half warms the connection and the compiler.
      if (each >= samples) http.push(Number(process.hrtime.bigint() - began) / 1000);
    }
    progress.note('by HTTP');
    const beside = [{ what: "the guard's HTTP permit", samples: http }];
    return [
      rowOf({ name: 'permit', what: 'A permit in the trader, with its order id and deadline; means over 100 calls', samples: permits, unit: 'µs', limit: { median: 5, p95: 5 }, beside }),
      rowOf({ name: 'permit: check', what: 'Is the lease held? Means over 100 calls', samples: checks, unit: 'µs', limit: { median: 5, p95: 5 }, beside }),
    ];
  },
};

async function heldGuard(): Promise<AsyncDisposable & { readonly source: PermitSource; readonly url: string }> {
  const store = new MemoryLeaseStore();
  const control = new LeaseControl(store);
  await control.createBook({ book, home: region, leaseMs });
  const { token } = await control.takeWorkflow(book, 'bench');
  await control.open(book, token);
  const guard = new Guard({
    identity: {
      book, region, instance: instanceId(region, 'blue', 'bench'), colour: 'blue', imageDigest: 'none', driftPpm: 100,
      drainTimeoutMs: 1000, venueUncertaintyMs: 250, terminateWithinMs: 1000,
    },
    store,
    venueTime: async () => ({ venueMs: Date.now(), resolutionMs: 1 }),
    monotonicNs,
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
    log: () => undefined,
  });
  const server = guardApi(guard).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const source = new PermitSource({ port, monotonicNs });
  guard.start();
  await source.start();
  guard.takeStatus({ venueConnected: true, redisReachable: true, databaseWritable: true, reconciled: true, ready: true });
  // It waits for one lease, to be sure that nobody has the book.
  await until('a held lease and a measured clock', 10_000, () => source.view?.state === 'held' && source.view.venueClock !== null);
  return {
    source,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      await source.close();
      await guard.terminate();
      server.close();
    },
  };
}
