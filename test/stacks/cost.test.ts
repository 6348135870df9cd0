/** The bill is watched, and told apart: budget, anomalies, who may tell of them, and the tags that every resource carries. */
import { App, aws_sns as sns, aws_ssm as ssm, Stack, Tags } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildApp } from '../../bin/app.ts';
import { actionsOnWhatRuns } from '../../lib/constructs/boundary.ts';
import { tagBook, tagEverything } from '../../lib/constructs/required-tags.ts';
import { requiredTags } from '../../lib/contracts/tags.ts';
import { readStacks } from '../../lib/cost/assembly.ts';
import type { Resource } from '../../lib/cost/stacks.ts';
import { loadSettings, parseSettings, settingsInputOf } from '../../lib/settings/index.ts';
import { assemblyOf } from '../assemblies.ts';

const settings = loadSettings('production');
const stacks = readStacks(assemblyOf('production').directory);

describe('the cost stack', () => {
  let template: Template;
  beforeAll(() => {
    const found = stacks.filter(({ name }) => name === 'baton-production-cost');
    expect(found.map(({ region }) => region), 'one, in the first Region').toEqual([settings.regions.first.name]);
    const Resources = Object.fromEntries(found.flatMap(({ resources }) => resources).map(({ logicalId, type, properties }) => [logicalId, { Type: type, Properties: properties }]));
    template = Template.fromJSON({ Resources });
  });

  test('tells of a budget at 80 % and 100 % spent and at 100 % forecast, of all that the account costs', () => {
    const budgets = Object.values(template.findResources('AWS::Budgets::Budget')).map(({ Properties }) => Properties);
    const { Budget, NotificationsWithSubscribers: notices } = budgets.find(({ Budget: { FilterExpression } }) => FilterExpression === undefined) ?? {};
    expect(Budget).toEqual({
      BudgetName: 'baton-production', BudgetType: 'COST', TimeUnit: 'MONTHLY', BudgetLimit: { Amount: settings.budget.monthlyUsd, Unit: 'USD' },
    });
    const told = notices.map(({ Notification: n }: any) => [n.NotificationType, n.ComparisonOperator, n.Threshold, n.ThresholdType]);
    expect(told).toEqual([['ACTUAL', 'GREATER_THAN', 80, 'PERCENTAGE'], ['ACTUAL', 'GREATER_THAN', 100, 'PERCENTAGE'], ['FORECASTED', 'GREATER_THAN', 100, 'PERCENTAGE']]);
    const [topic] = Object.keys(template.findResources('AWS::SNS::Topic'));
    for (const { Subscribers } of notices) expect(Subscribers).toEqual([{ SubscriptionType: 'SNS', Address: { Ref: topic } }]);
  });

  test('tells of a book’s own budget likewise: of what carries its tag, and of its tasks, which carry none', () => {
    const own = Object.values(template.findResources('AWS::Budgets::Budget')).map(({ Properties }) => Properties).filter(({ Budget }) => Budget.FilterExpression !== undefined);
    expect(own.map(({ Budget }) => Budget)).toEqual([{
      BudgetName: 'baton-production-Book-alpha', BudgetType: 'COST', TimeUnit: 'MONTHLY', BudgetLimit: { Amount: settings.budget.byTag.Book, Unit: 'USD' }, Metrics: ['UnblendedCost'],
      FilterExpression: { Or: [{ Tags: { Key: 'Book', Values: ['alpha'] } }, { Tags: { Key: 'aws:ecs:serviceName', Values: ['baton-production-alpha'] } }] },
    }]);
    expect(own[0]?.['NotificationsWithSubscribers'].map(({ Notification: n }: any) => [n.NotificationType, n.Threshold])).toEqual([['ACTUAL', 80], ['ACTUAL', 100], ['FORECASTED', 100]]);
  });

  test('has one of each other tag that the settings give a figure for, with the tasks of every book', () => {
    const input = settingsInputOf('staging');
    const app = buildApp({ settings: parseSettings({ ...input, budget: { ...input.budget, byTag: { Owner: 500, Book: 60 } } }, 'this test'), validation: false });
    const found = Template.fromStack(app.node.findChild('baton-staging-cost-us-east-1') as Stack).findResources('AWS::Budgets::Budget');
    const filters = Object.fromEntries(Object.values(found).map(({ Properties: { Budget } }) => [Budget.BudgetName, Budget.FilterExpression?.Or.map(({ Tags: { Values } }: any) => Values)]));
    expect(filters).toEqual({
      'baton-staging': undefined, 'baton-staging-Owner-trading-platform': [['trading-platform'], ['baton-staging-alpha', 'baton-staging-alphac']],
      'baton-staging-Book-alpha': [['alpha'], ['baton-staging-alpha']], 'baton-staging-Book-alphac': [['alphac'], ['baton-staging-alphac']],
    });
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

  test('alarms when hours cost more than the month has room for', () => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: 'baton-production-cost-burn', Namespace: 'Baton', MetricName: 'baton-production-usd-per-hour', Statistic: 'Maximum', Period: 3600,
      ComparisonOperator: 'GreaterThanThreshold', EvaluationPeriods: 3, Threshold: Number((settings.budget.monthlyUsd / 730).toFixed(3)),
    });
    template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(1 hour)' });
    // The field whose value is taken is asked for by the pattern: without, CloudWatch takes none.
    template.hasResourceProperties('AWS::Logs::MetricFilter', {
      FilterPattern: '{ $.output.usdPerHour = * }', MetricTransformations: [Match.objectLike({ MetricValue: '$.output.usdPerHour' })],
    });
  });

  test('hears nobody but the three services, for this account', () => {
    const [{ Statement }] = Object.values(template.findResources('AWS::SNS::TopicPolicy')).map(({ Properties }) => Properties.PolicyDocument) as [{ Statement: any[] }];
    expect(Statement.filter(({ Effect }) => Effect === 'Allow')).toEqual([
      expect.objectContaining({
        Action: 'sns:Publish', Principal: { Service: ['budgets.amazonaws.com', 'cloudwatch.amazonaws.com', 'costalerts.amazonaws.com'] },
        Condition: { StringEquals: { 'aws:SourceAccount': settings.account } },
      }),
    ]);
  });
});

describe('money stops nothing that can trade', () => {
  interface Statement {
    readonly Effect: string;
    readonly Action: string | readonly string[];
    readonly Resource: unknown;
  }
  const listed = <T>(one: T | readonly T[]): readonly T[] => (Array.isArray(one) ? one : [one as T]);
  const matches = (pattern: string, action: string): boolean => new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 'i').test(action);

  test.each(['dev', 'staging', 'production'] as const)('%s: what the roles of the bill may stop, start or change is in the cluster in which nothing trades', (environment) => {
    const own = readStacks(assemblyOf(environment).directory).find(({ name }) => name === `baton-${environment}-cost`);
    const statements = own?.resources.flatMap(({ properties }) => listed((properties['PolicyDocument'] as { Statement?: Statement[] } | undefined)?.Statement ?? [])) ?? [];
    const changing = statements.filter(({ Action }) => listed(Action).some((pattern) => actionsOnWhatRuns.some((action) => matches(pattern, action))));
    const allowed = changing.filter(({ Effect }) => Effect === 'Allow').flatMap(({ Resource }) => listed(Resource)).map((each) => JSON.stringify(each));
    expect(allowed.length).toBeGreaterThan(0);
    expect(allowed.filter((each) => !each.includes(`baton-${environment}-research`))).toEqual([]);
    // Whatever it may once be allowed by mistake.
    const denied = changing.filter(({ Effect }) => Effect === 'Deny');
    expect(denied).toHaveLength(1);
    expect(listed(denied[0]?.Action ?? []).toSorted()).toEqual([...actionsOnWhatRuns].toSorted());
    for (const kind of ['task', 'service', 'task-set']) expect(JSON.stringify(denied[0]?.Resource)).toContain(`:${kind}/baton-${environment}/*`);
  });
});

describe('tags', () => {
  const resources = stacks.flatMap((stack) => stack.resources);

  test('what has tags has all of them, and what belongs to a book says so', () => {
    const tagged = resources.map((resource) => ({ ...resource, tags: tagsOf(resource) })).filter(({ tags }) => tags !== undefined);
    expect(tagged.length).toBeGreaterThan(200);
    const lacking = tagged.filter(({ tags }) => requiredTags.some((name) => tags?.[name] === undefined));
    expect(lacking.map(({ logicalId }) => logicalId)).toEqual([]);
    const ofBook = tagged.filter(({ tags }) => tags?.['Book'] === 'alpha').map(({ type }) => type);
    expect(ofBook).toEqual(expect.arrayContaining(['AWS::ECS::Service', 'AWS::ECS::TaskDefinition', 'AWS::IAM::Role', 'AWS::Logs::LogGroup', 'AWS::SecretsManager::Secret']));
    expect(new Set(tagged.map(({ tags }) => tags?.['Book']))).toEqual(new Set(['alpha', 'shared']));
    const tables = resources.filter(({ type }) => type === 'AWS::DynamoDB::GlobalTable');
    expect(tables.length).toBeGreaterThan(0);
    for (const { properties } of tables) {
      for (const { Tags: own } of properties['Replicas'] as { Tags: { Key: string }[] }[]) expect(own.map(({ Key }) => Key)).toEqual(expect.arrayContaining([...requiredTags]));
    }
  });

  test('a parameter that machines write has none: a changed tag would write its first value again', () => {
    const parameters = resources.filter(({ type }) => type === 'AWS::SSM::Parameter');
    expect(parameters.length).toBeGreaterThan(3);
    expect(parameters.filter(({ properties }) => 'Tags' in properties)).toEqual([]);
  });

  function small(): { readonly app: App; readonly topic: sns.Topic } {
    const app = new App();
    const stack = new Stack(app, 'Small');
    const topic = new sns.Topic(stack, 'Topic');
    new ssm.CfnParameter(stack, 'Parameter', { type: 'String', value: 'first' });
    tagEverything(app, settings);
    return { app, topic };
  }

  test('a resource that lacks one fails the synthesis, by its name', () => {
    const { app, topic } = small();
    Tags.of(topic).remove('Owner');
    expect(() => app.synth()).toThrow(/AWS::SNS::Topic at Small\/Topic\/Resource lacks the tags Owner: nobody could say who pays for it/);
  });

  test('a book has its own, whatever all else has', () => {
    const { app, topic } = small();
    tagBook('alpha', topic);
    const [stack] = app.synth().stacks;
    const [resource] = Object.values(stack?.template.Resources as Record<string, { Type: string; Properties: Record<string, unknown> }>).filter(({ Type }) => Type === 'AWS::SNS::Topic');
    expect(resource?.Properties['Tags']).toContainEqual({ Key: 'Book', Value: 'alpha' });
  });
});

function tagsOf({ properties }: Resource): Record<string, string> | undefined {
  const list = properties['Tags'] ?? properties['ResourceTags'];
  return Array.isArray(list) ? Object.fromEntries((list as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value])) : undefined;
}
