/** A deployment never touches the live colour: the code and every setting changed, on the templates. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import type { BuildOptions } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { buildApp } from '../../bin/app.ts';
import { dangerousSettings } from '../../lib/settings/dangerous.ts';
import { loadSettings, parseSettings, settingsInputOf, type Settings } from '../../lib/settings/index.ts';
import { changedSettings, leftOut, settingPaths, unchangeable } from './changed-settings.ts';
import { describeImpact, type Impact, impactsOf, reachesTraders } from './change-impact.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'baton-live-colour-'));
const written = settingsInputOf('production');
const production = loadSettings('production');
let assemblies = 0;
let base: CloudAssembly;

beforeAll(() => {
  // What this test is about is not what validation finds.
  vi.stubEnv('CDK_VALIDATION', 'false');
  base = synthesize(production);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

function synthesize(settings: Settings, build = buildApp): CloudAssembly {
  return build({ settings, outdir: path.join(directory, String((assemblies += 1))), validation: false }).synth();
}

function resourcesOf(stack: { readonly template: unknown }): Array<{ Type: string; Properties: Record<string, unknown> }> {
  return Object.values((stack.template as { Resources: Record<string, { Type: string; Properties: Record<string, unknown> }> }).Resources);
}

function changed(...names: readonly string[]): Impact[] {
  const settings = structuredClone(written);
  for (const name of names) {
    const before = structuredClone(settings);
    changedSettings[name]!(settings);
    expect(settings, `the change of ${name} changes nothing`).not.toEqual(before);
  }
  const impacts = impactsOf(base, synthesize(parseSettings(settings, `a change of ${names.join(', ')}`)));
  expect(impacts.filter(({ effect }) => effect === 'unknown').map(describeImpact), 'add to the table in change-impact.ts').toEqual([]);
  return impacts;
}

const reachingTraders = (...names: readonly string[]): string[] => changed(...names).filter(reachesTraders).map(describeImpact);

test('every setting has a changed value to try', () => {
  const { regions: { home: _home, standby: _standby, ...regions }, ...others } = production;
  expect([...Object.keys(changedSettings), ...unchangeable].toSorted()).toEqual([...settingPaths({ ...others, regions }), ...leftOut].toSorted());
});

test('the same settings give the same templates', () => {
  expect(impactsOf(base, synthesize(production))).toEqual([]);
});

test.each(Object.keys(dangerousSettings))('changing %s reaches running traders, and is named as dangerous', (name) => {
  expect(reachingTraders(name), 'no longer dangerous: remove it from lib/settings/dangerous.ts').not.toEqual([]);
});

/** Several are changed at once, for a synthesis of each takes minutes; neighbours never are: one that turns off what another is about would hide it. */
const groups = 8;
const harmless = Object.keys(changedSettings).filter((name) => !(name in dangerousSettings));
test.each(Array.from({ length: groups }, (_, group) => ({ names: harmless.filter((__, at) => at % groups === group) })))(
  'changing any of $names reaches no running trader', ({ names }) => {
    const reaching = reachingTraders(...names).length === 0 ? [] : names.map((name) => ({ name, reaching: reachingTraders(name) }));
    expect(reaching.filter((each) => each.reaching.length > 0), 'keep it from the trader, or name it in lib/settings/dangerous.ts').toEqual([]);
    expect(reaching, 'together they reach traders, each by itself does not').toEqual([]);
  },
);

test('what is dangerous is a setting and says why in a sentence', () => {
  for (const [name, sentence] of Object.entries(dangerousSettings)) {
    expect(Object.keys(changedSettings)).toContain(name);
    expect(sentence).toMatch(/^[A-Z].{20,}\.$/);
  }
});

test('a setting of the bot makes a new template revision and leaves the service alone', () => {
  const impacts = changed('books.symbol');
  const [ofTemplate, ofTheKeysFunctions] = ['AWS::ECS::TaskDefinition: replaces', 'AWS::Lambda::Function: none'] as const;
  const counts = Object.groupBy(impacts, ({ type, effect }) => `${type}: ${effect}`);
  expect(Object.keys(counts).toSorted()).toEqual([ofTemplate, ofTheKeysFunctions]);
  expect(counts[ofTemplate], 'in each Region: of the book, and of its shadow in a drill').toHaveLength(4);
});

test('new code of every function replaces nothing and reaches no trader', async () => {
  vi.resetModules();
  vi.doMock('esbuild', async (importOriginal) => {
    const original = await importOriginal<typeof import('esbuild')>();
    const buildSync = (options: BuildOptions): unknown => original.buildSync({ ...options, banner: { js: '/* changed */' } });
    return { ...original, buildSync };
  });
  const { buildApp: rebuild } = await import('../../bin/app.ts');
  const impacts = impactsOf(base, synthesize(production, rebuild));
  vi.doUnmock('esbuild');
  expect(impacts.length).toBeGreaterThan(0);
  expect([...new Set(impacts.map(({ type, property }) => `${type}.${property}`))]).toEqual(['AWS::Lambda::Function.Code']);
  expect(impacts.filter(reachesTraders).map(describeImpact)).toEqual([]);
});

test('no template holds an image that runs: the service names none, the template one that does not exist', () => {
  for (const stack of base.stacks) {
    for (const resource of resourcesOf(stack)) {
      if (resource.Type === 'AWS::ECS::Service') {
        expect(resource.Properties).not.toHaveProperty('TaskDefinition');
        expect(resource.Properties['DeploymentController']).toEqual({ Type: 'EXTERNAL' });
      }
      if (resource.Type === 'AWS::ECS::TaskDefinition') {
        for (const container of resource.Properties['ContainerDefinitions'] as Array<{ Image: unknown }>) {
          expect(JSON.stringify(container.Image)).toContain(`@sha256:${'0'.repeat(64)}`);
        }
      }
    }
  }
});

describe('the classifier finds', () => {
  const role = { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: { Principal: { Service: 'ecs-tasks.amazonaws.com' } } } };
  const withResource = (type: string, properties: Record<string, unknown> | undefined): CloudAssembly =>
    ({
      stacks: [
        {
          stackName: 'a',
          environment: { account: '1', region: 'r', name: 'n' },
          template: { Resources: properties === undefined ? { Role: role } : { Role: role, X: { Type: type, Properties: properties } } },
        },
      ],
    }) as unknown as CloudAssembly;
  const effects = (type: string, before: Record<string, unknown>, after: Record<string, unknown> | undefined): string[] =>
    impactsOf(withResource(type, before), withResource(type, after)).filter(reachesTraders).map(({ effect }) => effect);

  test.each([
    ['a renamed service', 'AWS::ECS::Service', { ServiceName: 'a' }, { ServiceName: 'b' }, 'replaces'],
    ['a removed service', 'AWS::ECS::Service', { ServiceName: 'a' }, undefined, 'removes'],
    ['fewer tasks', 'AWS::ECS::Service', { DesiredCount: 2 }, { DesiredCount: 1 }, 'unknown'],
    ['a route to another NAT gateway', 'AWS::EC2::Route', { NatGatewayId: 'a' }, { NatGatewayId: 'b' }, 'interrupts'],
    ['an egress rule taken away', 'AWS::EC2::SecurityGroup', { SecurityGroupEgress: [1, 2] }, { SecurityGroupEgress: [1] }, 'interrupts'],
    [
      'a permission taken away',
      'AWS::IAM::Policy',
      { Roles: [{ Ref: 'Role' }], PolicyDocument: { Statement: [{ Action: 'a:b' }] } },
      { Roles: [{ Ref: 'Role' }], PolicyDocument: { Statement: [] } },
      'interrupts',
    ],
    ['a key policy that nobody judged', 'AWS::KMS::Key', { KeyPolicy: 1 }, { KeyPolicy: 2 }, 'unknown'],
    ['a tag on a parameter that machines write', 'AWS::SSM::Parameter', { Tags: 1 }, { Tags: 2 }, 'interrupts'],
  ])('%s', (_, type, before, after, effect) => {
    expect(effects(type, before, after)).toEqual([effect]);
  });
});
