import { defineConfig } from 'vitest/config';

/** The system under its faults: several installations at once, which want both cores for themselves. */
const faults = 'test/rehearsal/faults.test.ts';

/** The system as it is told, on installations that trade: beside tests that keep every core busy, a trader that waits for its turn breaks promises. */
const told = ['test/rehearsal/canary.test.ts', 'test/rehearsal/ways-back.test.ts'];

export default defineConfig({
  test: {
    globalSetup: 'test/assemblies.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      // Four for two cores: much of what is tested here is waited for.
      { extends: true, test: { name: 'all else', include: ['test/**/*.test.ts'], exclude: [faults, ...told], maxWorkers: 4, sequence: { groupOrder: 0 } } },
      { extends: true, test: { name: 'told', include: told, maxWorkers: 2, sequence: { groupOrder: 1 } } },
      { extends: true, test: { name: 'faults', include: [faults], sequence: { groupOrder: 2 } } },
    ],
  },
});
