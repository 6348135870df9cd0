/** The ledger's database is renamed and restored, and deleted by nobody: said on the templates of both Regions, whatever the code that made them says. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { assemblyOf } from '../assemblies.ts';

interface Statement {
  readonly Effect: string;
  readonly Action: unknown;
  readonly Resource: unknown;
}
const { directory } = assemblyOf('production');
const many = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : [value]);

/** What the roles of all stacks may do by this action, as the templates write it. */
function allowed(action: string): readonly string[] {
  const templates = readdirSync(directory).filter((name) => name.endsWith('.template.json')).map((name) => readFileSync(path.join(directory, name), 'utf8'));
  const statements = templates.flatMap((text) =>
    Object.values((JSON.parse(text) as { Resources: Record<string, { Type: string; Properties?: { PolicyDocument?: { Statement: readonly Statement[] } } }> }).Resources)
      .flatMap(({ Type, Properties }) => (Type === 'AWS::IAM::Policy' ? (Properties?.PolicyDocument?.Statement ?? []) : [])));
  return statements.filter(({ Effect, Action }) => Effect === 'Allow' && many(Action).includes(action)).flatMap(({ Resource }) => many(Resource).map((each) => JSON.stringify(each)));
}

test('nobody may delete a database but those of a verification, a drill or a restore', () => {
  const deletable = allowed('rds:DeleteDBInstance');
  expect(deletable.some((resource) => resource.includes('-restore-*'))).toBe(true);
  expect(deletable.filter((resource) => !/:db:baton-production-[a-z]+-\*"/.test(resource) || /-before-/.test(resource))).toEqual([]);
});

test('what is restored to a moment gets a name that nothing else has', () => {
  const targets = allowed('rds:RestoreDBInstanceToPointInTime').filter((resource) => resource.includes(':db:'));
  // The one that is in use is where it is restored from: that name is taken as long as it is there.
  expect(new Set(targets.map((resource) => /:db:(baton-production[\w*-]*)"/.exec(resource)?.[1]))).toEqual(new Set(['baton-production', 'baton-production-restore-*']));
});
