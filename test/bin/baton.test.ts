/** The entry point as people and the CLI start it: one process, an assembly or a plain message. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const repository = path.resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(path.join(tmpdir(), 'baton-bin-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function run(outdir: string, environment: Record<string, string>): { status: number | null; output: string } {
  const { NODE_ENV: _, ...inherited } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/baton.ts'], {
    cwd: repository,
    env: { ...inherited, CDK_OUTDIR: outdir, ...environment },
    encoding: 'utf8',
    timeout: 120_000,
  });
  return { status, output: stdout + stderr };
}

const staging = path.join(directory, 'staging');
let synthesis: ReturnType<typeof run>;
beforeAll(() => {
  synthesis = run(staging, { BATON_ENV: 'staging' });
});

test('synthesizes the environment that BATON_ENV names, silently', () => {
  expect(synthesis).toEqual({ status: 0, output: '' });
  const manifest = JSON.parse(readFileSync(path.join(staging, 'manifest.json'), 'utf8')) as { artifacts: Record<string, { type: string }> };
  const stacks = Object.entries(manifest.artifacts).filter(([, { type }]) => type === 'aws:cloudformation:stack').map(([name]) => name);
  expect(stacks.toSorted()).toEqual(
    [
      'baton-staging-cost-us-east-1',
      ...['backups', 'credentials', 'cutover', 'data', 'foundation', 'keys', 'network', 'recovery', 'trading-state', 'trading', 'verification']
        .flatMap((name) => ['us-east-1', 'us-west-2'].map((region) => `baton-staging-${name}-${region}`)),
    ].toSorted(),
  );
});

test("the CLI's context comes before BATON_ENV", () => {
  const { status, output } = run(path.join(directory, 'context'), { BATON_ENV: 'staging', CDK_CONTEXT_JSON: '{"environment":"nowhere"}' });
  expect(status).toBe(1);
  expect(output).toContain("There is no environment 'nowhere'. Choose one of dev, staging, production");
  expect(output, 'a plain message, no stack trace').not.toContain('    at ');
});

test('the assembly carries the stack policy that denies replacement and deletion of what traders stand on', () => {
  const policy = JSON.parse(readFileSync(path.join(staging, 'stack-policy.json'), 'utf8')) as {
    Statement: Array<{ Effect: string; Action: unknown; Condition?: { StringEquals: { ResourceType: string[] } } }>;
  };
  const denial = policy.Statement.find(({ Effect }) => Effect === 'Deny');
  expect(denial?.Action).toEqual(['Update:Replace', 'Update:Delete']);
  expect(denial?.Condition?.StringEquals.ResourceType).toContain('AWS::ECS::Service');
});
