import { news, type Invariant } from './invariant.ts';

/** The venue says so, after every call of the rotation that took effect. */
export const workingKey: Invariant = {
  number: 6,
  name: 'a working key is there at all times, and none is revoked before its successor was proved',
  watch: ({ executions }) => {
    const newlyBroken = news(executions?.keys.broken ?? []);
    return { afterEvent: () => newlyBroken()[0] };
  },
  watchWorld: ({ world }) => {
    const newlyBroken = news(world.broken);
    return { afterEvent: () => newlyBroken()[0] };
  },
};
