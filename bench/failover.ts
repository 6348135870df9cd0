/**
 * How long the loss of a Region keeps a book from trading: from the decision of a person, who starts the machine in the Region that is
 * left, to the first order that the venue took from there. And back again: the Region that was lost returns, gets warm, and the next
 * failover is started in it.
 *
 * Each execution is stopped after that order: what it does then – the promotion of the database, above all – takes AWS minutes and stands
 * before no order. The scenario `failover` goes through all of it.
 */
import { firstOrderFrom, standbyRuns } from '../rehearsal/scenarios/two-regions.ts';
import type { Stage } from '../rehearsal/stage.ts';
import { until } from '../rehearsal/until.ts';
import { monotonicMs } from '../rehearsal/venue/record.ts';
import type { Bench } from './bench.ts';
import { rowOf } from './row.ts';
import { countsOf, ordersBetween, tradingStage } from './trading-stage.ts';

/** The lease, and three seconds to gather the evidence, to reconcile and to send. */
const limitSeconds = 8;
const boundMs = 60_000;

export const failover: Bench = {
  name: 'failover',
  summary: 'A Region goes dark, and a failover is started in the other: the time to the first order.',
  async run({ quick, progress }) {
    await using running = await tradingStage(progress, { bothRegions: true });
    const { stage } = running;
    const samples: number[] = [];
    const count = quick ? 2 : 20;
    while (samples.length < count) {
      const { home: lost, standby: left } = stage;
      await standbyRuns(stage, stage.releases.first.trader.digest);
      await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersBetween);
      await stage.darken(lost);
      const seconds = (await failedOver(stage, left)) / 1000;
      await stage.relight(lost);
      samples.push(seconds);
      progress.note(`failover ${samples.length} of ${count}: to ${left}, ${seconds.toFixed(2)} s`);
    }
    return [
      rowOf({
        name: 'failover', what: 'A Region dark, a lease of 5 s: from the decision to the first accepted order; stopped before the database', samples, unit: 's',
        limit: { p95: limitSeconds },
      }),
      ...countsOf('failover', stage),
    ];
  },
};

/** From the start of the machine to the first order from there, in ms; ends once nothing of the execution is left. */
async function failedOver(stage: Stage, region: string): Promise<number> {
  const sinceMs = monotonicMs();
  const begun = Promise.withResolvers<string>();
  const stop = stage.onWorkflow((_event, { executionArn }) => begun.resolve(executionArn));
  const ended = stage.recovery('failover', region);
  const executionArn = await Promise.race([begun.promise, ended.then(({ cause }) => Promise.reject(new Error(`the failover did not begin: ${cause ?? 'it gives no reason'}`)))]);
  stop();
  await until(`an order from ${region}`, boundMs, () => firstOrderFrom(stage, region, sinceMs) < Infinity);
  await stage.operator('states', 'StopExecution', { executionArn, cause: 'the bench has seen what it measures' }, region);
  const { startMs } = await ended;
  await until(`the lock of ${stage.book} given back`, boundMs, async () => (await stage.control.read(stage.book)).workflow.execution === undefined);
  return firstOrderFrom(stage, region, startMs) - startMs;
}
