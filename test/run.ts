/**
 * `npm test`: every test, then one plain last line with the real counts.
 *
 * Arguments go to vitest unchanged (`npm test -- test/lease`). The exit code is 0 only if vitest ran to
 * its end, at least one test passed and none failed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const directory = mkdtempSync(join(tmpdir(), 'baton-test-'));
const results = join(directory, 'results.json');

const run = spawnSync(
  process.execPath,
  [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`, ...process.argv.slice(2)],
  { stdio: 'inherit', cwd: dirname(import.meta.dirname) },
);

const { passed, failed, skipped } = counts();
rmSync(directory, { recursive: true, force: true });
process.exitCode = run.status === 0 && passed > 0 && failed === 0 ? 0 : 1;
if (skipped > 0) console.log(`${skipped} skipped: they need what this machine or this user does not have`);
console.log(`${passed} passed, ${failed} failed`);

/** A file that could not even be loaded holds no tests: it counts as one failure, or nobody would see it. */
function counts(): { passed: number; failed: number; skipped: number } {
  try {
    const report = JSON.parse(readFileSync(results, 'utf8')) as {
      numPassedTests: number;
      numFailedTests: number;
      numPendingTests: number;
      testResults: { status: string; assertionResults: { status: string }[] }[];
    };
    const unloadable = report.testResults.filter(
      (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
    );
    return { passed: report.numPassedTests, failed: report.numFailedTests + unloadable.length, skipped: report.numPendingTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
