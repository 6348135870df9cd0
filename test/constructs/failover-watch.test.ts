/** The automatic mode is made only where the settings turn it on, in both Regions, and is held to what a failover may need. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { buildApp } from '../../bin/app.ts';
import { loadSettings } from '../../lib/settings/index.ts';

interface Template {
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties?: Record<string, unknown> }>>;
}

function watchesOf(automatic: boolean): readonly { readonly region: string; readonly environment: unknown; readonly rule: unknown }[] {
  const settings = loadSettings('dev');
  const outdir = mkdtempSync(path.join(tmpdir(), 'baton-automatic-'));
  try {
    // With its findings, the static stability of what starts a failover among them.
    const app = buildApp({ settings: { ...settings, recovery: { ...settings.recovery, automatic } }, outdir, validation: automatic });
    return app.synth().stacks.flatMap(({ environment, templateFullPath }) => {
      const all = Object.values((JSON.parse(readFileSync(templateFullPath, 'utf8')) as Template).Resources);
      const rule = all.find(({ Properties }) => Properties?.['Name'] === 'baton-dev-failover-watch')?.Properties;
      return all
        .filter(({ Type, Properties }) => Type === 'AWS::Lambda::Function' && Properties?.['FunctionName'] === 'baton-dev-failover-watch')
        .map(({ Properties }) => ({ region: environment.region, environment: Properties?.['Environment'], rule }));
    });
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

test('it is off', () => {
  expect(loadSettings('production').recovery.automatic).toBe(false);
  expect(watchesOf(false)).toEqual([]);
}, 180_000);

test('turned on, each Region looks every minute', () => {
  const watches = watchesOf(true);
  expect(watches.map(({ region }) => region).toSorted()).toEqual(['us-east-1', 'us-west-2']);
  for (const { environment, rule } of watches) {
    expect(environment).toMatchObject({ Variables: { BATON_SILENT_LEASES: '12', BATON_HOLD_DOWN_MINUTES: '60', BATON_BOOKS: 'alpha,alphac' } });
    expect(rule).toMatchObject({ ScheduleExpression: 'rate(1 minute)', Targets: [{ Input: '{"step":"look"}' }] });
  }
}, 180_000);
