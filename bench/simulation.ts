/** How much the simulator gets through on one core: what thousands of seeds a night cost. */
import type { Bench } from './bench.ts';
import { rowOf } from './row.ts';
import { run } from './subprocess.ts';

export const simulation: Bench = {
  name: 'simulation',
  summary: 'Events, simulated time and whole failovers in a second, on one core.',
  async run({ quick, progress }) {
    const seeds = quick ? 5 : 40;
    const repetitions = quick ? 1 : 5;
    const usual: Ran[] = [];
    const failovers: Ran[] = [];
    for (let repetition = 0; repetition < repetitions; repetition += 1) {
      usual.push(await ran('usual', 1 + repetition * seeds, seeds));
      failovers.push(await ran('failovers', 1 + repetition * seeds, Math.ceil(seeds / 4)));
      progress.note(`${(repetition + 1) * seeds} seeds`);
    }
    return [
      rowOf({ name: 'simulation: a second of events', what: 'Events in a second, seeds as usual, each looked at by every invariant', samples: usual.map(({ events, seconds }) => events / seconds), unit: '' }),
      rowOf({
        name: 'simulation: a seed', what: 'Of 60 simulated seconds and what follows them until all rests, at 2 orders/s', samples: usual.map(({ seconds }) => seconds / seeds), unit: 's',
        // A thousand of them in six minutes on two cores.
        limit: { median: 0.72 },
      }),
      rowOf({ name: 'simulation: a failover', what: 'From one Region to the other, until the next holder trades', samples: failovers.map(({ epochs, seconds }) => seconds / epochs), unit: 's' }),
    ];
  },
};

interface Ran {
  readonly events: number;
  readonly epochs: number;
  readonly seconds: number;
}

async function ran(situation: string, first: number, seeds: number): Promise<Ran> {
  const { stdout } = await run(process.execPath, ['simulation/cli.ts', '--seed', String(first), '--seeds', String(seeds), '--workers', '1', '--situation', situation]);
  const [, epochs, events, seconds] = /accepted in ([\d,]+) epochs, ([\d,]+) events in ([\d.]+) s/.exec(stdout) ?? [];
  if (seconds === undefined) throw new Error(`the simulation said '${stdout.trim().split('\n').at(-1)}', wanted its epochs, events and seconds`);
  const whole = (text = ''): number => Number(text.replaceAll(',', ''));
  return { events: whole(events), epochs: whole(epochs), seconds: Number(seconds) };
}
