/**
 * How long the book stands still at a planned replacement, by the venue's record alone: both colours run warm, and
 * the book is handed from one to the other again and again. Beside it, in the same run, what a lock with a time-out
 * does: the holder is stopped, and the next one takes the book when the lease has run out.
 */
import { otherColour } from '../lib/lease/model.ts';
import type { Stage } from '../rehearsal/stage.ts';
import type { Bench } from './bench.ts';
import { rowOf, type Row } from './row.ts';
import { countsOf, ordersBetween, tradingStage } from './trading-stage.ts';

export const handover: Bench = {
  name: 'handover',
  summary: 'Planned handovers between two warm colours, at 10 orders/s.',
  async run({ quick, progress }) {
    await using running = await tradingStage(progress);
    const { stage } = running;
    await stage.warmOtherColour();
    const { token } = await stage.control.takeWorkflow(stage.book, 'bench');
    const handovers = quick ? 5 : 100;
    for (let each = 1; each <= handovers; each += 1) {
      const { epoch, holder } = await stage.control.read(stage.book);
      const live = await stage.holder();
      if (live === undefined || holder === undefined) throw new Error('nobody holds the book between two handovers: see the log of the guards');
      const to = otherColour(live.colour);
      await stage.instancesReady(to, 1);
      await stage.control.startDrain(stage.book, token, to);
      const gapMs = await stage.nextEpochTrades(epoch);
      await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersBetween);
      progress.note(`handover ${each} of ${handovers}: to ${to}, ${Math.round(gapMs)} ms`);
    }
    await stage.control.releaseWorkflow(stage.book, 'bench');
    const planned = stage.handovers();
    const crashes = await takeovers(stage, quick ? 1 : 3);
    return [...rowsOf(stage, planned.map((each) => each.longestGapMs), crashes), ...partsOf(stage, planned)];
  },
};

export const takeover: Bench = {
  name: 'takeover',
  summary: 'The active task is killed: the time to the first order of the next epoch.',
  async run({ quick, progress }) {
    await using running = await tradingStage(progress);
    const { stage } = running;
    const gapsMs = await takeovers(stage, quick ? 2 : 10);
    return [
      rowOf({
        name: 'takeover', what: 'From the last order of the killed task to the first of its standby, lease of 5 s',
        samples: gapsMs.map((ms) => ms / 1000), unit: 's', limit: { max: 6.5 },
      }),
      ...countsOf('takeover', stage),
    ];
  },
};

/** Kills the active task so often, each time with a standby of its colour ready; answers the gaps in ms. */
async function takeovers(stage: Stage, count: number): Promise<readonly number[]> {
  const gapsMs: number[] = [];
  for (let each = 1; each <= count; each += 1) {
    const live = await stage.holder();
    if (live === undefined) throw new Error('nobody holds the book, so nobody can be killed: see the log of the guards');
    await stage.instancesReady(live.colour, 2);
    const { epoch } = await stage.killActive();
    const gapMs = await stage.nextEpochTrades(epoch);
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersBetween);
    stage.progress.note(`takeover ${each} of ${count}: ${(gapMs / 1000).toFixed(2)} s`);
    gapsMs.push(gapMs);
  }
  return gapsMs;
}

function rowsOf(stage: Stage, gapsMs: readonly number[], crashesMs: readonly number[]): Row[] {
  return [
    rowOf({
      name: 'handover', what: 'Longest gap between accepted orders around a planned handover, their own 100 ms included',
      samples: gapsMs, unit: 'ms', limit: { median: 200, p95: 350 },
      beside: [{ what: 'stop it, and let the next one take over when the lease has run out', samples: crashesMs }],
    }),
    ...countsOf('handover', stage),
  ];
}

/** Where the gap goes: before the hand-over is written, and after. */
function partsOf(stage: Stage, planned: ReturnType<Stage['handovers']>): Row[] {
  const grantedAtMs = new Map(stage.grants().map(({ epoch, atMs }) => [epoch, atMs]));
  const afterMs = planned.map(({ toEpoch, firstOrderAtMs }) => firstOrderAtMs - (grantedAtMs.get(toEpoch) ?? Number.NaN));
  return [
    rowOf({ name: 'handover: drain', what: 'From the last order of the old holder to the hand-over in the table', samples: planned.map(({ gapMs }, at) => gapMs - (afterMs[at] ?? 0)), unit: 'ms' }),
    rowOf({ name: 'handover: start', what: 'From the hand-over in the table to the first order of the new holder', samples: afterMs, unit: 'ms' }),
  ];
}
