import { secret, type SimulatedSystem } from '../system.ts';
import { news, type Invariant } from './invariant.ts';

/** The venue's secret is planted: no process prints it, and no table has it. */
export const noSecretPrinted: Invariant = {
  number: 7,
  name: 'no secret is in any output',
  watch: (system: SimulatedSystem) => {
    const newWrites = news(system.writes);
    let printed: string | undefined;
    system.onPrinted = (text) => {
      if (text.includes(secret)) printed ??= `printed: ${text.replaceAll(secret, '…').slice(0, 200)}`;
    };
    return {
      afterEvent() {
        const written = newWrites().find(({ after }) => JSON.stringify(after ?? {}).includes(secret));
        return printed ?? (written && `an item of ${written.table} has it`);
      },
    };
  },
  watchWorld: ({ world, history }) => ({
    atEnd() {
      if (world.planted.length === 0) return undefined;
      const outputs = JSON.stringify([history, world.notices, [...world.reports]]);
      return world.planted.some((each) => outputs.includes(each)) ? 'a secret is in the history, a notice or a report' : undefined;
    },
  }),
};
