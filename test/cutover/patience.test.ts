import { expect, test } from 'vitest';
import { lookFor } from '../../lib/cutover/patience.ts';

/** What is seen look by look; the last for ever. */
function things(...states: string[]) {
  const world = { looks: 0, pauses: 0 };
  return {
    world,
    look: async () => ({ state: states[Math.min(world.looks++, states.length - 1)]! }),
    patience: { looks: 4, pause: async () => void (world.pauses += 1) },
  };
}

test('what is there at once is answered at once', async () => {
  const { world, look, patience } = things('held');
  expect(await lookFor(look, patience)).toEqual({ state: 'held' });
  expect(world).toEqual({ looks: 1, pauses: 0 });
});

test('what comes in a moment is waited for, whatever it is', async () => {
  const { world, look, patience } = things('waiting', 'waiting', 'declined');
  expect(await lookFor(look, patience)).toEqual({ state: 'declined' });
  expect(world).toEqual({ looks: 3, pauses: 2 });
});

test('what does not come is waited for only so long', async () => {
  const { world, look, patience } = things('waiting');
  expect(await lookFor(look, patience)).toEqual({ state: 'waiting' });
  expect(world).toEqual({ looks: 4, pauses: 3 });
});

test('an error is no reason to look again', async () => {
  const { world, patience } = things('waiting');
  await expect(lookFor(() => Promise.reject(new Error('pre-empted')), patience)).rejects.toThrow('pre-empted');
  expect(world.pauses).toBe(0);
});
