/** Each check of a synthesis fails it: one resource that breaks one rule, added to the whole app. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type App, CfnResource, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sns from 'aws-cdk-lib/aws-sns';
import { afterAll, expect, test } from 'vitest';
import { buildApp } from '../../bin/app.ts';
import { loadSettings } from '../../lib/settings/index.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'baton-validation-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const queue = 'arn:aws:sqs:us-east-1:111111111111:a';
let apps = 0;

/** What the synthesis of an app says that has one stack more. */
function findingsWith(addTo: (stack: Stack) => void): string {
  const app: App = buildApp({ settings: loadSettings('dev'), outdir: path.join(directory, String((apps += 1))) });
  addTo(new Stack(app, 'added'));
  try {
    app.synth();
  } catch (error) {
    return String(error);
  }
  return 'nothing';
}

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

test("a property that CloudFormation's schema refuses", () => {
  const findings = findingsWith(
    (stack) => new CfnResource(stack, 'Bad', { type: 'AWS::SQS::Queue', properties: { VisibilityTimeout: 'soon' } }),
  );
  expect(findings).toMatch(/CloudFormation Validate/);
  expect(findings).toContain('added/Bad');
});

test('a finding of cdk-nag', () => {
  const findings = findingsWith((stack) => new sns.CfnTopic(stack, 'Bad'));
  expect(findings).toContain('AwsSolutions-SNS');
  expect(findings).toContain('added/Bad');
});

test('an action that IAM does not know', () => {
  const findings = findingsWith((stack) => roleWith(stack, { actions: ['sqs:SendMesage'], resources: [queue] }));
  expect(findings).toContain("IAM knows no action 'sqs:SendMesage'");
  expect(findings).toContain('added/Role/DefaultPolicy/Resource');
});

test('a service prefix that IAM does not know', () => {
  const findings = findingsWith((stack) => roleWith(stack, { actions: ['stepfunctions:StartExecution'], resources: [queue] }));
  expect(findings).toContain("IAM knows no action 'stepfunctions:StartExecution'");
});

test("every resource, where the action takes one; none where it takes none", () => {
  const actions = ['sqs:SendMessage', 'ecr:GetAuthorizationToken'];
  const findings = findingsWith((stack) => roleWith(stack, { actions, resources: ['*'] }));
  expect(findings).toContain("'sqs:SendMessage' is allowed on Resource '*', and takes a resource");
  expect(findings).not.toContain("'ecr:GetAuthorizationToken' is allowed");
});

test('a wildcard action on every resource', () => {
  const findings = findingsWith((stack) => roleWith(stack, { actions: ['sqs:Send*'], resources: ['*'] }));
  expect(findings).toContain("'sqs:Send*' is allowed on Resource '*'");
});

test('a state that the machine does not have', () => {
  const findings = findingsWith((stack) => machineWith(stack, { StartAt: 'Begin', States: { Begin: { Type: 'Pass', Next: 'Nowhere' } } }));
  expect(findings).toMatch(/no valid state machine.*Nowhere/s);
});

test('JSONata that does not parse', () => {
  const findings = findingsWith((stack) =>
    machineWith(stack, {
      QueryLanguage: 'JSONata',
      StartAt: 'Begin',
      States: { Begin: { Type: 'Pass', Output: '{% $states.input. %}', End: true } },
    }),
  );
  expect(findings).toContain('no valid state machine');
});

test('an action on what runs, for any role but a state machine’s', () => {
  const findings = findingsWith((stack) =>
    roleWith(stack, { actions: ['ecs:UpdateTaskSet', 'ecs:Stop*'], resources: ['arn:aws:ecs:us-east-1:111111111111:task-set/a/b/c'] }),
  );
  expect(findings).toContain("'ecs:UpdateTaskSet' decides which traders run");
  expect(findings).toContain("'ecs:Stop*' decides which traders run");
  expect(findings).toContain('added/Role/DefaultPolicy/Resource');
  const ofMachine = findingsWith((stack) => {
    const role = new iam.Role(stack, 'Role', { assumedBy: new iam.ServicePrincipal('states.amazonaws.com') });
    role.addToPolicy(new iam.PolicyStatement({ actions: ['ecs:UpdateTaskSet'], resources: ['arn:aws:ecs:us-east-1:111111111111:task-set/a/b/c'] }));
  });
  expect(ofMachine).toBe('nothing');
});

test('a role that the boundary was not put on', () => {
  const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }] };
  const findings = findingsWith(
    (stack) => new CfnResource(stack, 'Unbounded', { type: 'AWS::IAM::Role', properties: { AssumeRolePolicyDocument: trust } }),
  );
  expect(findings).toContain('The role has no permissions boundary');
  expect(findings).toContain('added/Unbounded');
});

test('a trader on Spot: a service that asks for it, a cluster that services run in, a machine that starts what runs', () => {
  const findings = findingsWith((stack) => {
    const resource = (id: string, type: string, properties: Record<string, unknown>): CfnResource => new CfnResource(stack, id, { type, properties });
    const strategy = [{ CapacityProvider: 'FARGATE_SPOT', Weight: 1 }];
    const cluster = resource('Cluster', 'AWS::ECS::Cluster', {});
    resource('Asks', 'AWS::ECS::Service', { Cluster: cluster.ref, DeploymentController: { Type: 'EXTERNAL' } });
    resource('Associated', 'AWS::ECS::ClusterCapacityProviderAssociations', {
      Cluster: cluster.ref, CapacityProviders: ['FARGATE', 'FARGATE_SPOT'], DefaultCapacityProviderStrategy: [],
    });
    resource('OnSpot', 'AWS::ECS::Service', { Cluster: 'other', CapacityProviderStrategy: strategy });
    // Nothing runs in it by itself: that is what back-tests have.
    const research = resource('Research', 'AWS::ECS::Cluster', {});
    resource('Fine', 'AWS::ECS::ClusterCapacityProviderAssociations', {
      Cluster: research.ref, CapacityProviders: ['FARGATE_SPOT'], DefaultCapacityProviderStrategy: strategy,
    });
    machineWith(stack, { StartAt: 'Run', States: { Run: { Type: 'Task', Resource: 'arn:aws:states:::aws-sdk:ecs:createTaskSet', Arguments: { CapacityProviderStrategy: strategy }, End: true } } });
  });
  const refused = [...findings.matchAll(/\(Baton spot\)\s+added\/(\w+)/g)].map(([, id]) => id);
  expect(new Set(refused)).toEqual(new Set(['Associated', 'Machine', 'OnSpot']));
});
