/** Faults of the release that goes, while it is asked to. */
import { exactly } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import { monotonicMs } from '../venue/record.ts';
import { struck, type Colours, type Fault, type Injected } from './fault.ts';

/** A lease of 5 s with its drift, and the way to the first order. */
const silenceOfALeaseMs = 7500;
/** Orders of the new holder before the old one wakes: then it is past its lease for certain. */
const ordersBeforeWaking = 5;
const wakingBoundMs = 60_000;

export const blueDoesNotDrain: Fault = {
  name: 'blue-does-not-drain',
  summary: 'The old trader stops when asked to hand over and never says that it has; what it sent expires.',
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: silenceOfALeaseMs,
  takes: ['old release', 'old holder'],
  releases: { old: 'never-drained' },
};

export const bluePausesInDrain: Fault = {
  name: 'blue-pauses-in-drain',
  summary: 'Guard and trader of the old holder are paused in the middle of the drain, past their lease; they wake and send.',
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: silenceOfALeaseMs,
  takes: ['old release', 'old holder'],
  releases: { old: 'slow-to-send' },
  inject: (stage, colours) => pausedInDrain(stage, colours),
};

export const traderPausesInDrain: Fault = {
  ...bluePausesInDrain,
  name: 'trader-pauses-in-drain',
  summary: 'Only the trader of the old holder is paused in the middle of the drain, past its lease; it wakes and sends.',
  inject: (stage, colours) => pausedInDrain(stage, colours, 'trader'),
};

async function pausedInDrain(stage: Stage, colours: Colours, container?: 'trader'): Promise<Injected> {
  const task = await stage.activeTask();
  const oldEpoch = stage.tenures().at(-1)?.epoch ?? 0;
  let woken: Promise<number> | undefined;
  const stop = stage.onLease(({ mode }) => {
    if (mode !== 'draining' || woken !== undefined) return;
    // Within the write that begins the drain: what the old holder has signed by then, it has not sent.
    task.pause(container);
    const awake = stage.injected(`the old holder's ${container ?? 'guard and trader'} paused in the drain`);
    woken = until('orders of the new holder', wakingBoundMs, () => newOrders() >= ordersBeforeWaking)
      .catch(() => undefined)
      .then(() => {
        task.resume(container);
        awake();
        return monotonicMs();
      });
  });
  const newOrders = (): number => stage.ordersSince(0).filter(({ epoch = 0, accepted }) => accepted && epoch > oldEpoch).length;
  return {
    async heal() {
      stop();
      await woken;
      task.resume(container);
    },
    async promises() {
      const wokenMs = (await woken) ?? Infinity;
      const late = stage.ordersSince(wokenMs).filter(({ epoch }) => epoch === oldEpoch);
      return [
        struck('the old holder woke past its lease and sent orders', late.length),
        exactly('refused-late', 'Of those, the venue accepted', late.filter(({ accepted }) => accepted).length, 0),
        exactly('refused-as-expired', 'Of those, it refused as expired', late.filter(({ code }) => code === expiredCode).length, late.length),
        exactly('colour-after', 'The new release traded when it woke', stage.tenures().at(-1)?.colour ?? 'nobody', colours.new),
      ];
    },
  };
}
/** Bybit: the time stamp and the window of a request are not around the server's time. */
const expiredCode = 10002;
