/** Faults of the network and of the clocks. */
import { monotonicMs } from '../venue/record.ts';
import { onEntering, struck, type Fault, type Injected } from './fault.ts';
import type { Target } from '../processes/routes.ts';
import type { Stage } from '../stage.ts';

/** A standby takes over when the lease of 5 s has run out. */
const silenceOfATakeoverMs = 7500;
const usualSilenceMs = 1500;
const longerThanALeaseMs = 9000;
/** A guard measures the venue's clock every 15 s: until then its expiries are wrong and the venue refuses them. */
const silenceOfAClockMs = 17_000;
const clockOffMs = 3000;
const takeTheBook = 'Take the book for this execution';

export const noLeaseTable: Fault = {
  name: 'no-lease-table',
  summary: `The guard of the holder cannot reach DynamoDB for ${longerThanALeaseMs / 1000} s.`,
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: silenceOfATakeoverMs,
  takes: ['old holder'],
  async inject(stage) {
    const { name: task } = await stage.activeTask();
    const epoch = stage.tenures().at(-1)?.epoch ?? 0;
    let lost = 0;
    let timer: NodeJS.Timeout | undefined;
    let healed = (): void => undefined;
    const stop = stage.onLease((lease) => {
      if (lease.epoch > epoch) lost = lease.epoch;
    });
    onEntering(stage, [takeTheBook], () => {
      const mended = stage.cut({ target: 'aws', task, container: 'guard' });
      const over = stage.injected('the guard of the holder is cut off from DynamoDB');
      healed = () => {
        mended();
        over();
      };
      timer = setTimeout(healed, longerThanALeaseMs);
    });
    return {
      heal() {
        clearTimeout(timer);
        healed();
        stop();
      },
      promises: () => [struck('the holder that was cut off lost the book', lost)],
    };
  },
};

export const noRedis: Fault = {
  name: 'no-redis',
  summary: 'Nobody can reach Redis.',
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: usualSilenceMs,
  takes: [],
  inject: (stage) => unreachable(stage, 'redis'),
};

export const noPostgres: Fault = {
  name: 'no-postgres',
  summary: 'Nobody can reach PostgreSQL until the cutover is over; the ledger is complete afterwards.',
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: usualSilenceMs,
  takes: [],
  inject: (stage) => unreachable(stage, 'postgres'),
};

function unreachable(stage: Stage, target: Target): Injected {
  const mended = stage.cut({ target });
  const over = stage.injected(`nobody reaches ${target}`);
  const sinceMs = monotonicMs();
  let accepted = 0;
  return {
    heal() {
      accepted = stage.ordersSince(sinceMs).filter((order) => order.accepted).length;
      mended();
      over();
    },
    promises: () => [struck(`orders accepted without ${target}`, accepted)],
  };
}

export const traderClockOff: Fault = {
  name: 'trader-clock-off',
  summary: `The clocks of the old traders are ${clockOffMs / 1000} s ahead, those of the new ones as much behind.`,
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: usualSilenceMs,
  takes: ['old release', 'new release'],
  releases: { old: 'clock-ahead', new: 'clock-behind' },
};

export const venueClockOff: Fault = {
  name: 'venue-clock-off',
  summary: `The venue's clock jumps ${clockOffMs / 1000} s ahead while the old release trades.`,
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: silenceOfAClockMs,
  takes: [],
  inject(stage) {
    const sinceMs = monotonicMs();
    stage.venue.setClockOffset(clockOffMs);
    stage.injected(`the venue's clock jumps ${clockOffMs} ms ahead`);
    return { promises: () => [struck('orders refused by the clock that jumped', stage.ordersSince(sinceMs).filter(({ accepted }) => !accepted).length)] };
  },
};
