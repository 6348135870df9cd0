/** The bill is watched, and told apart: budget, anomalies, who may tell of them, and the tags that every resource carries. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CfnResource, type Stack, TagManager, Tags } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { buildApp, stackIdOf } from '../../bin/app.ts';
import { requiredTags } from '../../lib/constructs/required-tags.ts';
import { loadSettings } from '../../lib/settings/index.ts';
import type { CloudFormationStackArtifact } from 'aws-cdk-lib/cx-api';

const directory = mkdtempSync(path.join(tmpdir(), 'baton-cost-stack-'));
const settings = loadSettings('production');
let apps = 0;
const build = () => buildApp({ settings, outdir: path.join(directory, String((apps += 1))), validation: false });

beforeAll(() => {
  vi.stubEnv('CDK_VALIDATION', 'false');
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

describe('the cost stack', () => {
  let template: Template;
  beforeAll(() => {
    template = Template.fromStack(build().node.findChild(stackIdOf(settings, 'cost', 'us-east-1')) as Stack);
  });

  test('tells of a budget at 80 % and 100 % spent and at 100 % forecast, of all that the account costs', () => {
    const [{ Budget, NotificationsWithSubscribers: notices } = { Budget: undefined, NotificationsWithSubscribers: [] }] =
      Object.values(template.findResources('AWS::Budgets::Budget')).map(({ Properties }) => Properties);
    expect(Budget).toEqual({
      BudgetName: 'baton-production', BudgetType: 'COST', TimeUnit: 'MONTHLY', BudgetLimit: { Amount: settings.budget.monthlyUsd, Unit: 'USD' },
    });
    const told = notices.map(({ Notification: n }: any) => [n.NotificationType, n.ComparisonOperator, n.Threshold, n.ThresholdType]);
    expect(told).toEqual([['ACTUAL', 'GREATER_THAN', 80, 'PERCENTAGE'], ['ACTUAL', 'GREATER_THAN', 100, 'PERCENTAGE'], ['FORECASTED', 'GREATER_THAN', 100, 'PERCENTAGE']]);
    const [topic] = Object.keys(template.findResources('AWS::SNS::Topic'));
    for (const { Subscribers } of notices) expect(Subscribers).toEqual([{ SubscriptionType: 'SNS', Address: { Ref: topic } }]);
  });

  test('tells at once of what is out of the ordinary in this environment', () => {
    template.hasResourceProperties('AWS::CE::AnomalyMonitor', { MonitorType: 'CUSTOM', MonitorSpecification: '{"Tags":{"Key":"Environment","Values":["production"]}}' });
    template.hasResourceProperties('AWS::CE::AnomalySubscription', {
      Frequency: 'IMMEDIATE', Subscribers: [Match.objectLike({ Type: 'SNS' })],
      ThresholdExpression: Match.serializedJson({
        Dimensions: { Key: 'ANOMALY_TOTAL_IMPACT_ABSOLUTE', MatchOptions: ['GREATER_THAN_OR_EQUAL'], Values: [String(settings.budget.anomalyUsd)] },
      }),
    });
  });

  test('hears nobody but the two services, for this account', () => {
    const [{ Statement }] = Object.values(template.findResources('AWS::SNS::TopicPolicy')).map(({ Properties }) => Properties.PolicyDocument) as [{ Statement: any[] }];
    expect(Statement.filter(({ Effect }) => Effect === 'Allow')).toEqual([
      expect.objectContaining({
        Action: 'sns:Publish', Principal: { Service: ['budgets.amazonaws.com', 'costalerts.amazonaws.com'] },
        Condition: { StringEquals: { 'aws:SourceAccount': settings.account } },
      }),
    ]);
  });
});

describe('tags', () => {
  test('everything that can carry them does, and what belongs to a book says so', () => {
    const { stacks } = build().synth();
    const tagged = stacks.flatMap((stack) => resourcesOf(stack)).filter(({ tags }) => tags !== undefined);
    expect(tagged.length).toBeGreaterThan(200);
    const lacking = tagged.filter(({ tags }) => requiredTags.some((name) => tags?.[name] === undefined));
    expect(lacking.map(({ logicalId }) => logicalId)).toEqual([]);
    const ofBook = tagged.filter(({ tags }) => tags?.['Book'] === 'alpha').map(({ type }) => type);
    expect(ofBook).toEqual(expect.arrayContaining(['AWS::ECS::Service', 'AWS::ECS::TaskDefinition', 'AWS::IAM::Role', 'AWS::Logs::LogGroup', 'AWS::SecretsManager::Secret']));
    expect(new Set(tagged.map(({ tags }) => tags?.['Book']))).toEqual(new Set(['alpha', 'shared']));
    const tables = stacks.flatMap((stack) => resourcesOf(stack)).filter(({ type }) => type === 'AWS::DynamoDB::GlobalTable');
    for (const { properties } of tables) {
      for (const { Tags: own } of properties['Replicas'] as { Tags: { Key: string }[] }[]) expect(own.map(({ Key }) => Key)).toEqual(expect.arrayContaining([...requiredTags]));
    }
  });

  test('a parameter that machines write carries none: a changed tag would write its first value again', () => {
    const parameters = build().node.findAll().filter((node) => CfnResource.isCfnResource(node) && node.cfnResourceType === 'AWS::SSM::Parameter');
    expect(parameters.length).toBeGreaterThan(3);
    for (const parameter of parameters) expect(TagManager.of(parameter)?.tagValues()).toEqual({});
  });

  test('a resource from which one is taken fails the synthesis, by its name', () => {
    const app = build();
    Tags.of(app.node.findChild(stackIdOf(settings, 'network', 'us-east-1')).node.findChild('Vpc')).remove('Owner');
    expect(() => app.synth()).toThrow(/AWS::EC2::VPC at baton-production-network-us-east-1\/Vpc\/Resource lacks the tags Owner/);
  });
});

interface Tagged {
  readonly logicalId: string;
  readonly type: string;
  readonly properties: Record<string, unknown>;
  readonly tags: Record<string, string> | undefined;
}
function resourcesOf({ template }: CloudFormationStackArtifact): Tagged[] {
  const { Resources } = template as { Resources: Record<string, { Type: string; Properties?: Record<string, unknown> }> };
  return Object.entries(Resources).map(([logicalId, { Type, Properties = {} }]) => {
    const list = Properties['Tags'] ?? Properties['ResourceTags'];
    const tags = Array.isArray(list) ? Object.fromEntries((list as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value])) : undefined;
    return { logicalId, type: Type, properties: Properties, tags };
  });
}
