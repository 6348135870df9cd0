import { isDeepStrictEqual } from 'node:util';
import { news, type Invariant } from './invariant.ts';

/** Nothing was changed, or all of it was undone: a person who reads one of these looks no further. */
const asBefore: ReadonlySet<string> = new Set(['RolledBack', 'Refused']);

export const rollbackRestores: Invariant = {
  number: 5,
  name: 'a rollback restores what was',
  watch: ({ executions }) => {
    const newlyEnded = news(executions?.ended ?? []);
    return {
      afterEvent() {
        for (const { arn, ending, before, after } of newlyEnded()) {
          // What others changed in its time is not told apart from what it changed.
          const changed = before === undefined || !asBefore.has(ending) ? undefined : differenceOf(before, after);
          if (changed !== undefined) return `${arn} ended as ${ending}, but ${changed}`;
        }
        return undefined;
      },
    };
  },
  watchWorld: (stage) => ({
    atEnd() {
      if (!asBefore.has(stage.ending)) return undefined;
      const changed = differenceOf(stage.before, stage.world.kept());
      return changed && `${stage.ending}, but ${changed}`;
    },
  }),
};

function differenceOf(before: unknown, after: unknown): string | undefined {
  if (isDeepStrictEqual(after, before)) return undefined;
  const [was, is] = [before, after].map((kept) => kept as Record<string, unknown>);
  const changed = Object.keys({ ...was, ...is }).filter((name) => !isDeepStrictEqual(was?.[name], is?.[name]));
  return changed.map((name) => `${name} was ${JSON.stringify(was?.[name])} and is ${JSON.stringify(is?.[name])}`).join('; ');
}
