/** The command as people and CI start it: figures from an assembly, exit codes from a comparison with a revision. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { assemblyOf } from '../assemblies.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(path.join(tmpdir(), 'baton-bin-cost-'));
const assembly = assemblyOf('production').directory;
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function run(...given: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/cost.ts', ...given], { cwd: repository, encoding: 'utf8', timeout: 120_000 });
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
  [['--assembly', directory], 'holds no cloud assembly: name the directory'],
  [['--assembly', assembly, '--assume', 'speed=1'], "'speed=1' sets no assumption."],
])('%s: a plain message and exit code 2', (given, words) => {
  const { status, stderr } = run(...given);
  expect(status).toBe(2);
  expect(stderr).toContain(words);
  expect(stderr).not.toContain('    at ');
});

describe('in CI', () => {
  /** A repository of its own whose estimate ends as is said, with one commit after the first. */
  function changed(exitCode: number, message: string): string {
    const tree = mkdtempSync(path.join(directory, 'ci-'));
    const git = (...given: string[]): void => {
      const { status, stderr } = spawnSync('git', ['-c', 'user.name=ada', '-c', 'user.email=ada@example.com', ...given], { cwd: tree, encoding: 'utf8' });
      expect({ status, stderr }).toMatchObject({ status: 0 });
    };
    cpSync(path.join(repository, '.ci'), path.join(tree, '.ci'), { recursive: true });
    const says = `console.log('production: an estimate'); console.log('Against it: 1.00 → 2.00'); process.exit(${exitCode})`;
    writeFileSync(path.join(tree, 'cost.cjs'), says);
    writeFileSync(path.join(tree, 'package.json'), JSON.stringify({ scripts: { cost: 'node cost.cjs' } }));
    git('init', '-q');
    git('add', '.');
    git('commit', '-q', '-m', 'The first');
    git('commit', '-q', '--allow-empty', '-m', message);
    return tree;
  }
  const gate = (tree: string, base = ''): { status: number | null; stdout: string } =>
    spawnSync(path.join(tree, '.ci', 'cost'), { encoding: 'utf8', env: { ...process.env, BATON_COST_BASE: base }, timeout: 120_000 });

  test.each([
    ['as dear as before', 0, 'A change', 0, /^Against it: 1\.00 → 2\.00\n$/],
    ['dearer by more than a tenth', 3, 'A change', 3, /says who approved it: add a line 'Cost-approved-by: <name>'/],
    ['dearer, and approved', 3, 'A change\n\nTwo zones cost more.\n\nCost-approved-by: Grace', 0, /Approved by Grace\.\n$/],
    ['dearer, and a sentence that only speaks of it', 3, 'A change without Cost-approved-by: nobody', 3, /says who approved it/],
    ['an estimate that failed', 2, 'A change\n\nCost-approved-by: Grace', 2, /^Against it/],
  ])('%s', (_, exitCode, message, status, words) => {
    const ended = gate(changed(exitCode, message));
    expect(ended.status).toBe(status);
    expect(ended.stdout).toMatch(words);
    expect(ended.stdout).not.toContain('production: an estimate');
  });

  test('without anything to compare with it says so', () => {
    const { status, stdout } = gate(changed(3, 'A change'), 'no-such-revision');
    expect([status, stdout]).toEqual([0, expect.stringContaining("There is no 'no-such-revision' here")]);
  });

  test('is what CI runs', () => {
    expect(readFileSync(path.join(repository, '.ci', 'run'), 'utf8')).toMatch(/^\.ci\/cost$/m);
  });
});

function templatesOf(of: string): string[] {
  const { artifacts } = JSON.parse(readFileSync(path.join(of, 'manifest.json'), 'utf8')) as { artifacts: Record<string, { properties?: { templateFile?: string } }> };
  return Object.values(artifacts).flatMap(({ properties }) => properties?.templateFile ?? []);
}
