/**
 * Deploying after home has moved, on the templates: the moved settings change nothing that runs, and the old ones are refused,
 * in each Region, by what each Region records for itself.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { buildApp } from '../../bin/app.ts';
import { stackIdOf, type StackName } from '../../lib/contracts/stack-names.ts';
import { homeRegionParameterName, writingDatabaseParameterName } from '../../lib/constructs/topology.ts';
import { parseSettings, settingsInputOf } from '../../lib/settings/index.ts';
import { deploy } from '../../rehearsal/cloud/deploy.ts';
import { type Front, startFront } from '../../rehearsal/cloud/front.ts';
import { type CloudWorld, createWorld } from '../../rehearsal/cloud/world.ts';
import { ssm } from '../../rehearsal/services/ssm.ts';
import { impactsOf } from './change-impact.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'baton-moved-home-'));
const regions = ['us-east-1', 'us-west-2'] as const;
type Region = (typeof regions)[number];
const environment = 'production';

const assemblies = {} as Record<Region, CloudAssembly>;
beforeAll(() => {
  vi.stubEnv('CDK_VALIDATION', 'false');
  for (const home of regions) {
    const settings = parseSettings({ ...settingsInputOf(environment), home }, 'x');
    assemblies[home] = buildApp({ settings, outdir: path.join(directory, home), validation: false }).synth();
  }
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

/** Where two templates differ, by paths. */
function differences(before: unknown, after: unknown, at = ''): string[] {
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) return before === after ? [] : [at];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) =>
    differences((before as Record<string, unknown>)[key], (after as Record<string, unknown>)[key], at === '' ? key : `${at}.${key}`));
}

describe('the moved settings', () => {
  test('have the same stacks in the same Regions, and change no resource but what checks the home of the leases', () => {
    const [before, after] = [assemblies['us-east-1'], assemblies['us-west-2']];
    expect(after.stacks.map(({ id }) => id)).toEqual(before.stacks.map(({ id }) => id));
    expect(impactsOf(before, after)).toEqual([
      {
        stack: 'baton-production-trading-state-us-east-1', logicalId: expect.stringContaining('Book'), type: 'Custom::BatonBook', property: 'Home',
        effect: 'none', held: false,
      },
    ]);
  });

  test('differ otherwise in what confirms the home, and in nothing else', () => {
    const different = assemblies['us-east-1'].stacks.flatMap(({ id, template }) => {
      const moved = assemblies['us-west-2'].stacks.find((stack) => stack.id === id);
      return differences(template, moved?.template).map((where) => `${id} ${where}`);
    });
    const confirming = (names: readonly string[], fact: string): string[] => names.flatMap((name) => regions.flatMap((region) =>
      ['Default', 'AllowedValues.0'].map((property) => `baton-production-${name}-${region} Parameters.Confirmed${fact}.${property}`)));
    const home = expect.stringMatching(/^baton-production-trading-state-us-east-1 Resources\.Book\w+\.Properties\.Home$/) as string;
    const expected = [
      ...confirming(['data', 'trading', 'cutover', 'recovery', 'credentials'], 'HomeRegion'),
      ...confirming(['trading', 'cutover', 'recovery', 'credentials'], 'WritingDatabase'),
    ];
    expect(different.filter((where) => where.includes(' Parameters.')).toSorted()).toEqual(expected.toSorted());
    expect(different.filter((where) => !where.includes(' Parameters.'))).toEqual([home]);
  });
});

describe('a deployment', () => {
  let world: CloudWorld;
  let front: Front;
  beforeEach(async () => {
    world = createWorld({ seed: 3, accountId: '333333333333', regions: [...regions], services: (made) => [ssm(made)] });
    front = await startFront(world);
  });
  afterEach(async () => {
    await front.close();
    await world.close();
  });

  /** What each Region's parameters say. */
  async function recorded({ home, writing }: { readonly home: Region; readonly writing: Region }): Promise<void> {
    for (const region of regions) {
      for (const Name of [homeRegionParameterName(environment, home), writingDatabaseParameterName(environment, writing)]) {
        await world.call({ service: 'ssm', operation: 'PutParameter', region, caller: world.operator.caller, input: { Name, Type: 'String', Value: 'x' } });
      }
    }
  }

  /** Of one stack, by the settings with this home. */
  const deployed = (home: Region, name: StackName, region: Region) =>
    deploy({ assemblyDirectory: path.join(directory, home), world, front, only: ({ artifactId }) => artifactId === stackIdOf({ environment }, name, region) });

  const confirming: ReadonlyArray<readonly [StackName, Region]> =
    (['data', 'trading', 'cutover', 'recovery'] as const).flatMap((name) => regions.map((region) => [name, region] as const));

  test.each(confirming)('of %s in %s with the settings from before the move is refused before anything changes', async (name, region) => {
    await recorded({ home: 'us-west-2', writing: 'us-west-2' });
    await expect(deployed('us-east-1', name, region)).rejects.toThrow(
      `stack 'baton-production-${name}': Unable to fetch parameters [/baton/production/home-region/us-east-1] from parameter store`,
    );
  });

  test.each(confirming.filter(([name]) => name !== 'data'))('of %s in %s is refused while the database has not followed', async (name, region) => {
    await recorded({ home: 'us-west-2', writing: 'us-east-1' });
    await expect(deployed('us-west-2', name, region)).rejects.toThrow('Unable to fetch parameters [/baton/production/writing-database/us-west-2]');
  });

  test('with the moved settings is let in by both Regions', async () => {
    await recorded({ home: 'us-west-2', writing: 'us-west-2' });
    for (const { templateFullPath, template } of assemblies['us-west-2'].stacks) {
      // Only what is asked before anything is made: nothing here makes resources.
      const { Parameters, Outputs = {} } = template as { Parameters?: object; Outputs?: Record<string, { Value: { Ref?: string } }> };
      const confirmed = Object.entries(Outputs).filter(([, { Value }]) => Value.Ref?.startsWith('Confirmed'));
      const bare = JSON.stringify({ Parameters, Outputs: Object.fromEntries(confirmed) });
      writeFileSync(templateFullPath, bare);
    }
    for (const [name, region] of confirming) {
      const stacks = await deployed('us-west-2', name, region);
      expect(Object.keys(stacks.get(stackIdOf({ environment }, name, region))?.outputs ?? {})).toContain('HomeRegionAtDeployment');
    }
  });
});
