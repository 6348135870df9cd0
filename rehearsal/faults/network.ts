/** Faults of the network and of the clocks. */
import { atLeast, atMost } from '../report/report.ts';
import { monotonicMs } from '../venue/record.ts';
import { onEntering, struck, type Fault, type Injected } from './fault.ts';
import type { Target } from '../processes/routes.ts';
import type { Stage } from '../stage.ts';

/** The holder trades until its lease of 5 s runs out; then a standby, which looks every half second, takes over. */
const silenceOfATakeoverMs = 3000;
const usualSilenceMs = 1500;
const longerThanALeaseMs = 9000;
const clockOffMs = 3000;
/** A trader that has a refusal waits a second for the guard to measure, and then tries again. */
const silenceOfAStepMs = 2000;
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
    const before = stage.tenures().length;
    let timer: NodeJS.Timeout | undefined;
    let healed = (): void => undefined;
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
      },
      promises: () => [struck('a standby took over from the holder that was cut off', stage.tenures().slice(before).filter(({ reason }) => reason === 'taken over').length)],
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
  summary: 'Nobody can reach PostgreSQL, so the schema cannot be migrated; the old release trades on, and the ledger is complete afterwards.',
  outcome: 'rolled-back',
  trades: 'old',
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
  summary: `The venue's clock is ${clockOffMs / 1000} s ahead of everybody's.`,
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: usualSilenceMs,
  takes: ['venue clock'],
  before(stage) {
    stage.venue.setClockOffset(clockOffMs);
    stage.injected(`the venue's clock is ${clockOffMs} ms ahead`);
  },
  inject(stage) {
    const sinceMs = monotonicMs();
    const realMs = Date.now() - sinceMs;
    const ahead = ({ timestampMs = 0, decidedAtMs }: { timestampMs?: number; decidedAtMs: number }): boolean =>
      timestampMs - (realMs + decidedAtMs) > clockOffMs / 2;
    return { promises: () => [struck("orders accepted with a time stamp of the venue's clock", stage.ordersSince(sinceMs).filter((order) => order.accepted && ahead(order)).length)] };
  },
};

export const venueClockJumps: Fault = {
  name: 'venue-clock-jumps',
  summary: `The venue sets its clock ${clockOffMs / 1000} s ahead while the old release trades, and back while the new one does.`,
  outcome: 'succeeded',
  trades: 'new',
  silenceLimitMs: silenceOfAStepMs,
  takes: ['venue clock'],
  inject(stage) {
    const steps: number[] = [];
    const set = (offsetMs: number, byMs: number): void => {
      steps.push(monotonicMs());
      stage.venue.setClockOffset(offsetMs);
      stage.injected(`the venue sets its clock by ${byMs} ms`);
    };
    onEntering(stage, [takeTheBook], () => set(clockOffMs, clockOffMs));
    onEntering(stage, ['Begin to bake the new colour'], () => set(0, -clockOffMs));
    return {
      promises() {
        const ends = [...steps.slice(1), monotonicMs()];
        const told = steps.map((atMs, index) => {
          const orders = stage.ordersSince(atMs).filter(({ arrivedAtMs }) => arrivedAtMs < (ends[index] ?? Infinity));
          const refusedUntilMs = orders.findLast(({ code }) => code === refusedForItsTime)?.decidedAtMs;
          const againMs = orders.find(({ accepted, decidedAtMs }) => accepted && decidedAtMs > (refusedUntilMs ?? Infinity))?.decidedAtMs;
          return { refused: refusedUntilMs !== undefined, ms: (againMs ?? Infinity) - atMs };
        });
        const refusing = told.filter(({ refused }) => refused).length;
        return [
          atLeast('struck', 'The fault struck: steps after which orders were refused for their time', refusing, 2, 'steps'),
          atMost('recovered', 'From a step to orders as before', Math.round(Math.max(...told.map(({ ms }) => ms))), silenceOfAStepMs, 'ms'),
        ];
      },
    };
  },
};
/** Bybit: the time stamp and the window of a request are not around the server's time. */
const refusedForItsTime = 10002;
