/** Only the machines change what runs: every other role is refused it, whatever its policies say. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { actionsOnWhatRuns } from '../../lib/constructs/boundary.ts';
import { readAssembly } from '../../rehearsal/cloud/assembly.ts';
import { decide } from '../../rehearsal/permissions/evaluate.ts';
import { parsePolicy, type Policy } from '../../rehearsal/permissions/policy.ts';
import { assemblyOf } from '../assemblies.ts';

interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, any>;
  readonly DeletionPolicy?: string;
}
interface Found extends Resource {
  readonly stack: string;
  readonly region: string;
  readonly logicalId: string;
}

let resources: Found[];
let boundary: Policy;

beforeAll(() => {
  resources = readAssembly(assemblyOf('production').directory).stacks.flatMap(({ stackName, region, template }) =>
    Object.entries((template as unknown as { Resources: Record<string, Resource> }).Resources).map(([logicalId, resource]) => ({
      ...resource, stack: stackName.replace('baton-production-', ''), region, logicalId,
    })),
  );
  boundary = parsePolicy('boundary', boundaries()[0]?.Properties['PolicyDocument']);
});

const ofType = (type: string): Found[] => resources.filter(({ Type }) => Type === type);
/** A managed policy beside it is for people. */
const boundaries = (): Found[] =>
  ofType('AWS::IAM::ManagedPolicy').filter(({ Properties }) => String(Properties['ManagedPolicyName']).endsWith('-boundary'));
const isOfMachine = ({ Properties }: Found): boolean => JSON.stringify(Properties['AssumeRolePolicyDocument']).includes('"states.amazonaws.com"');

test('every role carries the boundary but those of the state machines', () => {
  const [policy, ...others] = boundaries();
  expect(others).toEqual([]);
  expect(policy).toMatchObject({
    stack: 'trading-state', DeletionPolicy: 'Retain', Properties: { ManagedPolicyName: 'baton-production-boundary' },
  });
  const roles = ofType('AWS::IAM::Role');
  const bounded = roles.filter((role) => !isOfMachine(role));
  expect(bounded.length).toBeGreaterThan(5);
  for (const { stack, region, logicalId, Properties } of bounded) {
    const expected = stack === 'trading-state' && region === 'us-east-1' ? { Ref: policy?.logicalId } : 'arn:aws:iam::333333333333:policy/baton-production-boundary';
    expect(Properties['PermissionsBoundary'], `${stack} ${logicalId}`).toEqual(expected);
  }
  const machines = roles.filter(isOfMachine);
  expect(machines.length).toBeGreaterThan(0);
  for (const { Properties } of machines) expect(Properties).not.toHaveProperty('PermissionsBoundary');
});

test('the boundary fits into what IAM takes of a managed policy', () => {
  const document = JSON.stringify(boundaries()[0]?.Properties['PolicyDocument']);
  expect(document.length).toBeLessThan(6144);
});

test.each(actionsOnWhatRuns)('%s is refused to a role that a policy allows everything', (action) => {
  expect(ask(action)).toEqual({ allowed: false, reason: 'with an explicit deny in a permissions boundary' });
});

test.each([
  'iam:DeleteRolePermissionsBoundary', 'iam:CreatePolicyVersion',
])('nor may it loosen the boundary: %s', (action) => {
  expect(ask(action).allowed).toBe(false);
});

test('all else that its policies allow goes on, for a trader lives on it', () => {
  for (const action of ['dynamodb:UpdateItem', 'secretsmanager:GetSecretValue', 'ecs:DescribeTasks', 'logs:PutLogEvents']) {
    expect(ask(action), action).toEqual({ allowed: true, reason: '' });
  }
});

test('who may stop a migration that hangs, a back-test, or a drill, may stop nothing that trades', () => {
  const statements = ofType('AWS::IAM::Policy').flatMap(
    ({ Properties }) => Properties['PolicyDocument']['Statement'] as { readonly Effect: string; readonly Action: string | string[]; readonly Resource: unknown }[],
  );
  const stopping = statements.filter(({ Effect, Action }) => Effect === 'Allow' && [Action].flat().includes('ecs:StopTask'));
  expect(stopping.length).toBeGreaterThan(0);
  for (const { Resource } of stopping) expect(Resource).toMatch(/^arn:aws:ecs:us-(east-1|west-2):333333333333:task\/baton-production-(migrations|research|drills)\/\*$/);
});

describe('the policy for people, as the documentation has it', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../docs/security.md'), 'utf8');
  const document = /^ {4}\{\n[\s\S]*?^ {4}\}$/m.exec(page)?.[0] ?? '';
  const administrator = parsePolicy('administrator', { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } });
  const service = 'arn:aws:ecs:us-east-1:333333333333:service/baton-production/baton-production-alpha';
  const may = (role: string, action: string, resource: string): boolean => {
    const arn = `arn:aws:iam::333333333333:role/${role}`;
    const context = new Map([['aws:principalarn', [arn]]]);
    const principal = { kind: 'role', arn, sessionArn: `arn:aws:sts::333333333333:assumed-role/${role}/ada` } as const;
    // An organisation's denial decides as one of the identity does.
    const policies = { identity: [administrator, parsePolicy('organisation', document)] };
    return decide({ principal, account: '333333333333', action, resource, context }, policies).allowed;
  };

  test.each(actionsOnWhatRuns)('an administrator may not: %s', (action) => {
    const resource = action === 'ecs:DeleteCluster' ? 'arn:aws:ecs:us-east-1:333333333333:cluster/baton-production' : service;
    expect(may('Administrator', action, resource)).toBe(false);
    expect(may('baton-break-glass', action, resource)).toBe(true);
  });

  test('machines and deployments may; what is not ours is not touched; the boundary stays', () => {
    for (const machine of ['cutover-CutoverMachineRole1A2B', 'recovery-FailoverMachineRole1A2B']) {
      expect(may(`baton-production-${machine}`, 'ecs:UpdateServicePrimaryTaskSet', service)).toBe(true);
    }
    expect(may('cdk-hnb659fds-cfn-exec-role-333333333333-us-east-1', 'ecs:CreateService', service)).toBe(true);
    expect(may('Administrator', 'ecs:UpdateService', 'arn:aws:ecs:us-east-1:333333333333:service/web/web')).toBe(true);
    const boundaryArn = 'arn:aws:iam::333333333333:policy/baton-production-boundary';
    expect(may('Administrator', 'iam:CreatePolicyVersion', boundaryArn)).toBe(false);
    expect(document.replaceAll(/\s+/g, '').length, 'of 5,120 characters of a service control policy').toBeLessThan(5120);
  });
});

function ask(action: string): { allowed: boolean; reason: string } {
  const everything = parsePolicy('too much', { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } });
  const arn = 'arn:aws:iam::333333333333:role/a';
  const { allowed, reason } = decide(
    {
      principal: { kind: 'role', arn, sessionArn: 'arn:aws:sts::333333333333:assumed-role/a/b' },
      account: '333333333333', action, resource: '*', context: new Map(),
    },
    { identity: [everything], boundary },
  );
  return { allowed, reason };
}
