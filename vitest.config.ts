import { defineConfig } from 'vitest/config';

/** The system as it is told, on installations that trade: beside tests that keep every core busy, a trader that waits for its turn breaks promises. */
const told = 'test/rehearsal/told/**/*.told.ts';
/** Of those, once more what may have been the others' doing. */
const again = 'test/rehearsal/told/again.told.ts';

export default defineConfig({
  test: {
    globalSetup: 'test/assemblies.ts',
    // Against a test that hangs: machines differ by more than two times, and limits of time are elsewhere.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    projects: [
      // Four for two cores: much of what is tested here is waited for.
      { extends: true, test: { name: 'tests', include: ['test/**/*.test.ts'], maxWorkers: 4, sequence: { groupOrder: 0 } } },
      // Each in a process of its own: on one event loop the tables of one stand still while another is judged.
      { extends: true, test: { name: 'told', include: [told], exclude: [again], maxWorkers: 3, sequence: { groupOrder: 1 } } },
      { extends: true, test: { name: 'told again', include: [again], sequence: { groupOrder: 2 } } },
    ],
  },
});
