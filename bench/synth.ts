/** How long a person waits for a synthesis: the whole process, as `npm run synth` and the CDK's command start it. */
import { rowOf } from './row.ts';
import { run, temporaryDirectory } from './subprocess.ts';
import type { Bench } from './bench.ts';

export const synth: Bench = {
  name: 'synth',
  summary: 'Synthesis of production, validation included.',
  async run({ quick, progress }) {
    using directory = temporaryDirectory();
    const once = async (validation: boolean): Promise<number> => {
      const env = { BATON_ENV: 'production', CDK_OUTDIR: directory.path, ...(validation ? {} : { CDK_VALIDATION: 'false' }) };
      const { ms } = await run(process.execPath, ['bin/baton.ts'], env);
      progress.note(`${validation ? 'with' : 'without'} validation: ${(ms / 1000).toFixed(2)} s`);
      return ms / 1000;
    };
    await once(true); // The compile cache is filled: a person meets an empty one once.
    const validated: number[] = [];
    const bare: number[] = [];
    for (let repetition = 0; repetition < (quick ? 2 : 7); repetition += 1) {
      validated.push(await once(true));
      bare.push(await once(false));
    }
    return [
      rowOf({
        name: 'synth', what: 'The stacks of production in both Regions, with every rule of validation', samples: validated, unit: 's', limit: { median: 3.5 },
        beside: [{ what: 'without validation', samples: bare }],
      }),
    ];
  },
};
