/** How long a person waits for the main proof: `npm run rehearse -- cutover`, from the command to the report. */
import type { Bench } from './bench.ts';
import { rowOf } from './row.ts';
import { run } from './subprocess.ts';

export const rehearsal: Bench = {
  name: 'rehearsal',
  summary: 'The rehearsal of a cutover, from the command to its report.',
  async run({ quick, progress }) {
    const samples: number[] = [];
    for (let repetition = 0; repetition < (quick ? 1 : 3); repetition += 1) {
      const { ms } = await run('npm', ['run', '--silent', 'rehearse', '--', 'cutover']);
      progress.note(`${(ms / 1000).toFixed(1)} s`);
      samples.push(ms / 1000);
    }
    return [rowOf({ name: 'rehearsal', what: 'npm run rehearse -- cutover, every promise held', samples, unit: 's', limit: { median: 45 } })];
  },
};
