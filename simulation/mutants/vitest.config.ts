/** For what a test of its own must catch: what BATON_MUTANT names is loaded changed. */
import { defineConfig } from 'vitest/config';
import { changed, mutantOfEnvironment } from './mutant.ts';

const told = mutantOfEnvironment();

export default defineConfig({
  plugins: [{
    name: 'mutant',
    enforce: 'pre',
    transform: (source: string, id: string) => (told !== undefined && id === told.path ? changed(told.mutant, source) : undefined),
  }],
  // What was kept of the code as it is must not be taken for the changed.
  test: { include: ['test/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 60_000, fsModuleCache: false },
});
