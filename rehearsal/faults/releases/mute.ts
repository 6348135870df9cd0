/**
 * The bad release of the fault `green-does-not-trade`: a bot that looks well to its guard and never sends an
 * order. Health checks cannot see that; only the venue's acceptances, as the journal has them, can.
 */
import { PermitSource } from '../../../lib/lease/permit-source.ts';
import type { MonotonicNs } from '../../../lib/lease/model.ts';

if (process.argv[2] === 'migrate') {
  // Its migrations are the real ones: what is wrong with it shows later.
  await import('../../../containers/trader/main.ts');
} else {
  await beMute();
}

async function beMute(): Promise<void> {
  const guard = new PermitSource({
    port: Number(process.env['BATON_GUARD_PORT']),
    monotonicNs: () => process.hrtime.bigint() as MonotonicNs,
  });
  const looksWell = { venueConnected: true, redisReachable: true, databaseWritable: true, reconciled: true, ready: true };

  guard.onChange((view) => {
    if (view.state === 'draining' && view.epoch !== null) void guard.drained(view.epoch, view.drain);
  });
  await guard.start();
  await guard.reportStatus(looksWell);
  const reporting = setInterval(() => void guard.reportStatus(looksWell), 2000);
  process.once('SIGTERM', () => {
    clearInterval(reporting);
    void guard.close();
  });
}
