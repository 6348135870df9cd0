/** Faults of the release that comes. */
import { colourOf } from '../../lib/lease/model.ts';
import { atLeast } from '../report/report.ts';
import { measureRollback, struck, type Fault } from './fault.ts';

/** Two leases of 5 s until the old colour may take over from a dead new one, their drift, and the way to its first order. */
const silenceOfTwoLeasesMs = 12_500;
/** The old release trades all the while. */
const untouchedMs = 1000;
/** `proveSeconds`, and the way back. */
const silenceOfProvingMs = 26_000;

export const greenNeverHealthy: Fault = {
  name: 'green-never-healthy',
  summary: 'The new release starts and never says that it is ready.',
  outcome: 'rolled-back',
  trades: 'old',
  silenceLimitMs: untouchedMs,
  takes: ['new release'],
  releases: { new: 'never-ready' },
};

export const greenDoesNotTrade: Fault = {
  name: 'green-does-not-trade',
  summary: 'The new release passes every health check and never sends an order.',
  outcome: 'rolled-back',
  trades: 'old',
  silenceLimitMs: silenceOfProvingMs,
  takes: ['new release'],
  releases: { new: 'mute' },
  inject(stage, colours) {
    const rollback = measureRollback(stage, colours);
    const before = stage.tenures().length;
    return {
      promises: () => [
        rollback(),
        atLeast('handed-back', 'The book was handed over and back', stage.tenures().slice(before).filter(({ reason }) => reason === 'handed over').length, 2, ''),
      ],
    };
  },
};

export const greenDiesAfterHandover: Fault = {
  name: 'green-dies-after-handover',
  summary: 'Every task of the new release dies when it has the book, and so does each that replaces one.',
  outcome: 'rolled-back',
  trades: 'old',
  silenceLimitMs: silenceOfTwoLeasesMs,
  takes: ['new release'],
  inject(stage, colours) {
    const rollback = measureRollback(stage, colours);
    let deaths = 0;
    let dying: NodeJS.Timeout | undefined;
    const die = (): void => {
      for (const task of stage.tasksOf(colours.new)) {
        if (doomed.has(task.name)) continue;
        doomed.add(task.name);
        task.kill();
        deaths += 1;
      }
    };
    const doomed = new Set<string>();
    const stop = stage.onLease(({ holder, heartbeat }) => {
      // It has renewed: from then on it may trade.
      if (dying !== undefined || holder === undefined || colourOf(holder) !== colours.new || heartbeat === 0) return;
      stage.injected('the new release dies, and whatever replaces it');
      dying = setInterval(die, 20);
      die();
    });
    return {
      heal() {
        stop();
        clearInterval(dying);
      },
      promises: () => [struck('tasks of the new release died', deaths), rollback()],
    };
  },
};
