/** The command as people and CI start it: figures from an assembly, exit codes from a comparison with a revision. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { assemblyOf } from '../assemblies.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(path.join(tmpdir(), 'baton-bin-cost-'));
const assembly = assemblyOf('production').directory;
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function run(...given: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/cost.ts', ...given], { cwd: repository, encoding: 'utf8', timeout: 60_000 });
  return { status, stdout, stderr };
}

test('an assembly that was synthesized is priced without synthesizing again', () => {
  const { status, stdout, stderr } = run('--assembly', assembly);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^production: an estimate of a month, in USD/);
  expect(stdout).toMatch(/Beside the bill of the sources, one Region +theirs +ours/);
  expect(stdout).toMatch(/^us-east-1, home +\d+\.\d\d$/m);
});

test('for machines, with an assumption set', () => {
  const { status, stdout } = run('--assembly', assembly, '--json', '--assume', 'hours=1');
  expect(status).toBe(0);
  const { totalUsd, lines, assumed, reference } = JSON.parse(stdout) as { totalUsd: number; lines: { usd: number }[]; assumed: { hours: number }; reference: unknown[] };
  expect(assumed.hours).toBe(1);
  expect(totalUsd).toBeCloseTo(lines.reduce((sum, { usd }) => sum + usd, 0), 6);
  expect(reference.length).toBeGreaterThan(8);
});

test('what is dearer by more than a tenth than a revision exits with 3', () => {
  const dear = path.join(directory, 'dear');
  cpSync(assembly, dear, { recursive: true });
  for (const name of templatesOf(dear)) {
    const file = path.join(dear, name);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/"AllocatedStorage": ?"\d+"/g, '"AllocatedStorage":"9000"'));
  }
  const { status, stdout } = run('--assembly', dear, '--against', 'HEAD');
  expect(status).toBe(3);
  expect(stdout).toMatch(/^Against HEAD: .* USD a month, \+\d+\.\d\d \(\+\d+\.\d %\); a change record says costImpactUsdMonthly \d+\.$/m);
  expect(stdout).toContain("more than +10 %: it needs somebody's approval.");
  expect(stdout).toMatch(/^ {2}baton-production-data Database\w+ \(us-east-1\) +\+\d{4}/m);
});

test.each([
  [['--env', 'nowhere'], "There is no environment 'nowhere'."],
  [['--assembly', assembly, '--against', 'no-such-revision'], "git has no revision 'no-such-revision'"],
  [['--assembly', assembly, '--assume', 'speed=1'], "'speed=1' sets no assumption."],
])('%s: a plain message and exit code 2', (given, words) => {
  const { status, stderr } = run(...given);
  expect(status).toBe(2);
  expect(stderr).toContain(words);
  expect(stderr).not.toContain('    at ');
});

function templatesOf(of: string): string[] {
  const { artifacts } = JSON.parse(readFileSync(path.join(of, 'manifest.json'), 'utf8')) as { artifacts: Record<string, { properties?: { templateFile?: string } }> };
  return Object.values(artifacts).flatMap(({ properties }) => properties?.templateFile ?? []);
}
