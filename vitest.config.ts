import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The system under its faults: several installations at once, which want both cores for themselves. */
const faults = 'test/rehearsal/faults.test.ts';

/** What takes a minute and more, mostly in waiting: begun last, it would be waited for alone. */
const long = /\/test\/rehearsal\/(canary|ways-back)\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [...sorted.filter(({ moduleId }) => long.test(moduleId)), ...sorted.filter(({ moduleId }) => !long.test(moduleId))];
  }
}

export default defineConfig({
  test: {
    globalSetup: 'test/assemblies.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    sequence: { sequencer: LongFirst },
    projects: [
      // Four for two cores: much of what is tested here is waited for.
      { extends: true, test: { name: 'all else', include: ['test/**/*.test.ts'], exclude: [faults], maxWorkers: 4, sequence: { groupOrder: 0 } } },
      { extends: true, test: { name: 'faults', include: [faults], sequence: { groupOrder: 1 } } },
    ],
  },
});
