/** Each check of a synthesis fails it: resources that break one rule each, added to the whole app. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type App, CfnResource, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sns from 'aws-cdk-lib/aws-sns';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildApp } from '../../bin/app.ts';
import { loadSettings } from '../../lib/settings/index.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'baton-validation-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const queue = 'arn:aws:sqs:us-east-1:111111111111:a';
const ofTaskSets = { actions: ['ecs:UpdateTaskSet', 'ecs:Stop*'], resources: ['arn:aws:ecs:us-east-1:111111111111:task-set/a/b/c'] };

/** By its name: something that breaks one rule, or none. They are in one app, for a synthesis with its judgement takes a core for seconds. */
const added: Readonly<Record<string, (stack: Stack) => void>> = {
  schema: (stack) => void new CfnResource(stack, 'Bad', { type: 'AWS::SQS::Queue', properties: { VisibilityTimeout: 'soon' } }),
  nag: (stack) => void new sns.CfnTopic(stack, 'Bad'),
  action: (stack) => roleWith(stack, { actions: ['sqs:SendMesage'], resources: [queue] }),
  prefix: (stack) => roleWith(stack, { actions: ['stepfunctions:StartExecution'], resources: [queue] }),
  everything: (stack) => roleWith(stack, { actions: ['sqs:SendMessage', 'ecr:GetAuthorizationToken'], resources: ['*'] }),
  wildcard: (stack) => roleWith(stack, { actions: ['sqs:Send*'], resources: ['*'] }),
  nowhere: (stack) => machineWith(stack, { StartAt: 'Begin', States: { Begin: { Type: 'Pass', Next: 'Nowhere' } } }),
  jsonata: (stack) => machineWith(stack, {
    QueryLanguage: 'JSONata',
    StartAt: 'Begin',
    States: { Begin: { Type: 'Pass', Output: '{% $states.input. %}', End: true } },
  }),
  runs: (stack) => roleWith(stack, ofTaskSets),
  'runs-for-a-machine': (stack) => {
    const role = new iam.Role(stack, 'Role', { assumedBy: new iam.ServicePrincipal('states.amazonaws.com') });
    role.addToPolicy(new iam.PolicyStatement({ ...ofTaskSets, actions: ['ecs:UpdateTaskSet'] }));
  },
  unbounded: (stack) => {
    const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }] };
    void new CfnResource(stack, 'Unbounded', { type: 'AWS::IAM::Role', properties: { AssumeRolePolicyDocument: trust } });
  },
  spot: (stack) => {
    const resource = (id: string, type: string, properties: Record<string, unknown>): CfnResource => new CfnResource(stack, id, { type, properties });
    const strategy = [{ CapacityProvider: 'FARGATE_SPOT', Weight: 1 }];
    const cluster = resource('Cluster', 'AWS::ECS::Cluster', {});
    resource('Asks', 'AWS::ECS::Service', { Cluster: cluster.ref, DeploymentController: { Type: 'EXTERNAL' } });
    resource('Associated', 'AWS::ECS::ClusterCapacityProviderAssociations', {
      Cluster: cluster.ref, CapacityProviders: ['FARGATE', 'FARGATE_SPOT'], DefaultCapacityProviderStrategy: [],
    });
    resource('OnSpot', 'AWS::ECS::Service', { Cluster: 'other', CapacityProviderStrategy: strategy });
    // By a clock: a trader, something with its role, something that nobody here sees, and a back-test.
    const containers = (name: string): Record<string, unknown>[] => [{ Name: name, Image: 'image' }];
    resource('Trader', 'AWS::ECS::TaskDefinition', { TaskRoleArn: 'arn:trader', ContainerDefinitions: containers('guard') });
    resource('TradersRole', 'AWS::ECS::TaskDefinition', { TaskRoleArn: 'arn:trader', ContainerDefinitions: containers('tool') });
    resource('BackTest', 'AWS::ECS::TaskDefinition', { TaskRoleArn: 'arn:backtest', ContainerDefinitions: containers('backtest') });
    for (const [id, definition] of [['ClockTrader', { Ref: 'Trader' }], ['ClockRole', { Ref: 'TradersRole' }], ['ClockUnseen', 'arn:definition'], ['ClockBackTest', { Ref: 'BackTest' }]] as const) {
      resource(id, 'AWS::Scheduler::Schedule', { Target: { EcsParameters: { TaskDefinitionArn: definition, CapacityProviderStrategy: strategy } } });
    }
    // Nothing runs in it by itself: that is what back-tests have.
    const research = resource('Research', 'AWS::ECS::Cluster', {});
    resource('Fine', 'AWS::ECS::ClusterCapacityProviderAssociations', {
      Cluster: research.ref, CapacityProviders: ['FARGATE_SPOT'], DefaultCapacityProviderStrategy: strategy,
    });
    machineWith(stack, { StartAt: 'Run', States: { Run: { Type: 'Task', Resource: 'arn:aws:states:::aws-sdk:ecs:createTaskSet', Arguments: { CapacityProviderStrategy: strategy }, End: true } } });
  },
};

/** What the synthesis says of them. */
let findings = '';
beforeAll(() => {
  const app: App = buildApp({ settings: loadSettings('dev'), outdir: path.join(directory, 'added') });
  for (const [name, addTo] of Object.entries(added)) addTo(new Stack(app, `added-${name}`));
  try {
    app.synth();
  } catch (error) {
    findings = String(error);
  }
}, 180_000);

function roleWith(stack: Stack, statement: iam.PolicyStatementProps): void {
  const role = new iam.Role(stack, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
  role.addToPolicy(new iam.PolicyStatement(statement));
}

function machineWith(stack: Stack, definition: unknown): void {
  new CfnResource(stack, 'Machine', {
    type: 'AWS::StepFunctions::StateMachine',
    properties: { RoleArn: 'arn:aws:iam::111111111111:role/machine', DefinitionString: JSON.stringify(definition) },
  });
}

test.each(['dev', 'staging', 'production'])('%s passes every check', (environment) => {
  const app = buildApp({ settings: loadSettings(environment), outdir: path.join(directory, environment) });
  expect(() => app.synth()).not.toThrow();
});

/** The findings in one of them; each names the resource. */
function of(name: string): string {
  return findings.split('\n\n').filter((finding) => finding.includes(` added-${name}/`)).join('\n\n');
}

test.each([
  ["a property that CloudFormation's schema refuses", 'schema', [/CloudFormation Validate/, /added-schema\/Bad/]],
  ['a finding of cdk-nag', 'nag', [/AwsSolutions-SNS/, /added-nag\/Bad/]],
  ['an action that IAM does not know', 'action', [/IAM knows no action 'sqs:SendMesage'/, /Role\/DefaultPolicy\/Resource/]],
  ['a service prefix that IAM does not know', 'prefix', [/IAM knows no action 'stepfunctions:StartExecution'/]],
  ['every resource, where the action takes one', 'everything', [/'sqs:SendMessage' is allowed on Resource '\*', and takes a resource/]],
  ['a wildcard action on every resource', 'wildcard', [/'sqs:Send\*' is allowed on Resource '\*'/]],
  ['a state that the machine does not have', 'nowhere', [/no valid state machine.*Nowhere/s]],
  ['JSONata that does not parse', 'jsonata', [/no valid state machine/]],
  [
    'an action on what runs', 'runs',
    [/'ecs:UpdateTaskSet' decides which traders run/, /'ecs:Stop\*' decides which traders run/, /Role\/DefaultPolicy\/Resource/],
  ],
  ['a role that the boundary was not put on', 'unbounded', [/The role has no permissions boundary/, /added-unbounded\/Unbounded/]],
] as const)('%s', (_, name, said) => {
  for (const words of said) expect(of(name)).toMatch(words);
});

test('every resource is right for an action that takes none, and so are actions on what runs for a state machine', () => {
  expect(of('everything')).not.toContain("'ecr:GetAuthorizationToken' is allowed");
  expect(of('runs-for-a-machine')).toBe('');
});

test('a trader on Spot: a service that asks for it, a cluster that services run in, a machine that starts what runs, a clock that may run one', () => {
  const refused = [...findings.matchAll(/\(Baton spot\)\s+added-spot\/(\w+)/g)].map(([, id]) => id);
  expect(new Set(refused)).toEqual(new Set(['Associated', 'ClockRole', 'ClockTrader', 'ClockUnseen', 'Machine', 'OnSpot']));
});
