import { isDeepStrictEqual } from 'node:util';
import type { Invariant } from './invariant.ts';

/** Nothing was changed, or all of it was undone: a person who reads one of these looks no further. */
const asBefore: ReadonlySet<string> = new Set(['RolledBack', 'Refused']);

export const rollbackRestores: Invariant = {
  number: 5,
  name: 'a rollback restores what was',
  watchWorld: (stage) => ({
    atEnd() {
      if (!asBefore.has(stage.ending)) return undefined;
      const after = stage.world.kept();
      if (isDeepStrictEqual(after, stage.before)) return undefined;
      const [was, is] = [stage.before, after].map((kept) => kept as Record<string, unknown>);
      const changed = Object.keys({ ...was, ...is }).filter((name) => !isDeepStrictEqual(was?.[name], is?.[name]));
      return `${stage.ending}, but ${changed.map((name) => `${name} was ${JSON.stringify(was?.[name])} and is ${JSON.stringify(is?.[name])}`).join('; ')}`;
    },
  }),
};
