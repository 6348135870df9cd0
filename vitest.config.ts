import { defineConfig } from 'vitest/config';

/** The system under its faults: several installations at once, which want both cores for themselves. */
const faults = 'test/rehearsal/faults.test.ts';

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      // Three for two cores: much of what is tested here is waited for.
      { extends: true, test: { name: 'all else', include: ['test/**/*.test.ts'], exclude: [faults], maxWorkers: 3, sequence: { groupOrder: 0 } } },
      { extends: true, test: { name: 'faults', include: [faults], sequence: { groupOrder: 1 } } },
    ],
  },
});
