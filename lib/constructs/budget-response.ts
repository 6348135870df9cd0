/**
 * Where back-tests run, and what stops them when a budget is spent. The cluster is for what computes and cannot trade: its tasks' role reads
 * nothing of a book, and it runs on Spot when nobody says otherwise. The machine may stop and start tasks of this cluster only, hand over these
 * roles only, and is denied everything on the cluster where traders run.
 */
import { ArnFormat, type CfnElement, Stack, Validations } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct, type IConstruct } from 'constructs';
import { budgetControl } from '../contracts/budget-response.ts';
import { endings } from '../contracts/cutover.ts';
import type { Settings } from '../settings/index.ts';
import { budgetResponse } from '../workflows/budget-response.ts';
import { Workflow } from '../workflows/workflow.ts';
import { actionsOnWhatRuns } from './boundary.ts';
import { ContractFunction } from './function.ts';
import { retentionOf } from './log-retention.ts';
import { JudgedStateMachine } from './state-machine.ts';

export interface BudgetResponseProps {
  readonly settings: Settings;
  readonly prefix: string;
  readonly vpc: ec2.IVpc;
  readonly databaseInstanceIdentifier: string;
  /** What the months' responses are remembered in. */
  readonly records: { readonly tableName: string; readonly tableArn: string };
  readonly people: sns.ITopic;
}

/** Forty tasks to a call of each, and ten minutes for a database that is busy. */
const objectiveSeconds = 3600;

export class BudgetResponse extends Construct {
  readonly machine: JudgedStateMachine;
  readonly control: ContractFunction<typeof budgetControl>;

  constructor(scope: Construct, id: string, props: BudgetResponseProps) {
    super(scope, id);
    const { settings, prefix, vpc, databaseInstanceIdentifier, records, people } = props;
    const stack = Stack.of(this);
    const { spentDatabaseClass, offHours } = settings.budget;
    // They all have the same one then.
    const databaseMarket = offHours ? settings.books[0]?.deploymentWindow : undefined;
    const clusterName = `${prefix}-research`;
    const cluster = new ecs.Cluster(this, 'Research', { clusterName, vpc, enableFargateCapacityProviders: true, containerInsightsV2: ecs.ContainerInsights.DISABLED });
    cluster.addDefaultCapacityProviderStrategy([{ capacityProvider: 'FARGATE_SPOT', weight: 1 }]);
    Validations.of(cluster).acknowledge({ id: 'AwsSolutions-ECS4', reason: 'Whoever waits for a back-test looks at its output: its metrics would cost more than many a back-test.' });
    const group = new ec2.SecurityGroup(this, 'SecurityGroup', {
      vpc, description: 'Back-tests: out to AWS and to market data; nothing comes in', allowAllOutbound: false,
    });
    group.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), 'AWS, market data');
    const roles = ['task', 'execution'].map((kind) => this.#role(kind, `${prefix}-research-${kind}`));
    this.#letPull(roles[1] as iam.Role, settings);

    const of = (service: string, resource: string, resourceName: string, arnFormat = ArnFormat.SLASH_RESOURCE_NAME): string =>
      stack.formatArn({ service, resource, resourceName, arnFormat });
    const arns = { tasks: of('ecs', 'task', `${clusterName}/*`), definitions: of('ecs', 'task-definition', `${prefix}-research-*:*`) };
    const databaseArn = of('rds', 'db', databaseInstanceIdentifier, ArnFormat.COLON_RESOURCE_NAME);
    const control = new ContractFunction(this, 'Control', {
      contract: budgetControl, prefix, logRetention: retentionOf(settings),
      environment: {
        BATON_RECORDS_TABLE: records.tableName, BATON_RESEARCH_CLUSTER: clusterName, BATON_DATABASE: databaseInstanceIdentifier,
        ...(spentDatabaseClass !== undefined && { BATON_SPENT_CLASS: `db.${spentDatabaseClass}` }),
        ...(databaseMarket !== undefined && { BATON_DATABASE_MARKET: databaseMarket }),
      },
    });
    this.control = control;
    const allow = (actions: readonly string[], resources: readonly string[], conditions?: Record<string, unknown>): void =>
      control.function.addToRolePolicy(new iam.PolicyStatement({ actions: [...actions], resources: [...resources], ...(conditions && { conditions }) }));
    allow(['dynamodb:GetItem', 'dynamodb:PutItem'], [records.tableArn]);
    // Fargate's tasks are on no instance, which is what the list is allowed on.
    allow(['ecs:ListTasks'], [of('ecs', 'container-instance', `${clusterName}/*`)], { ArnEquals: { 'ecs:cluster': cluster.clusterArn } });
    allow(['ecs:DescribeTasks'], [arns.tasks]);
    if (spentDatabaseClass !== undefined) allow(['rds:DescribeDBInstances'], [databaseArn]);

    const workflow = new Workflow(this);
    this.machine = new JudgedStateMachine(this, 'Response', {
      name: `${prefix}-budget-response`,
      comment: 'Stops what cannot trade when a budget is spent or a market closed, and starts it again.',
      start: budgetResponse(workflow, {
        control, clusterName, arns, topicArn: people.topicArn,
        subnetIds: vpc.privateSubnets.map(({ subnetId }) => subnetId),
        securityGroupId: group.securityGroupId,
        passRoles: new iam.PolicyStatement({
          actions: ['iam:PassRole'], resources: roles.map(({ roleArn }) => roleArn), conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
        }),
        ...(spentDatabaseClass !== undefined && { database: { identifier: databaseInstanceIdentifier, arn: databaseArn } }),
      }),
      declarations: workflow.declarations,
      endings: Object.values(endings),
      objectiveSeconds,
      logRetention: retentionOf(settings),
      failureImpact: 'What a spent budget or a closed market is to stop runs on, or what was stopped is not started again. Nothing that trades is concerned.',
      runbook: 'docs/runbooks/cost.md',
    });
    // Whatever the role may once be allowed by mistake.
    this.machine.machine.addToRolePolicy(new iam.PolicyStatement({
      sid: 'NeverWhatTrades', effect: iam.Effect.DENY, actions: [...actionsOnWhatRuns],
      resources: ['task', 'service', 'task-set'].map((kind) => of('ecs', kind, `${prefix}/*`)),
    }));
    const logicalId = (construct: IConstruct): string => stack.getLogicalId(construct.node.defaultChild as CfnElement);
    const wildcard = (of_: IConstruct, resource: string, reason: string): void => Validations.of(of_).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
    wildcard(this.machine, '*', 'Traces and the delivery of logs know no resource.');
    wildcard(this.machine, `<${logicalId(control.function)}.Arn>:*`, 'The versions of one function.');
    wildcard(this.machine, arns.tasks, 'Tasks of the cluster in which nothing trades are named by ECS.');
    wildcard(this.machine, arns.definitions, 'Whoever researches registers definitions of this prefix; they can have no role but these.');
    for (const kind of ['task', 'service', 'task-set']) wildcard(this.machine, of('ecs', kind, `${prefix}/*`), 'It is denied: all that runs in the cluster of the traders.');
    wildcard(control, arns.tasks, 'Tasks of the cluster in which nothing trades are named by ECS.');
    wildcard(control, of('ecs', 'container-instance', `${clusterName}/*`), 'A list of tasks is allowed on instances, of which Fargate has none.');
  }

  /** A back-test runs the trader's own image, with another command. */
  #letPull(execution: iam.Role, { environment }: Settings): void {
    const repository = Stack.of(this).formatArn({ service: 'ecr', resource: 'repository', resourceName: `baton-${environment}/trader` });
    execution.addToPolicy(new iam.PolicyStatement({
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'], resources: [repository],
    }));
    execution.addToPolicy(new iam.PolicyStatement({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }));
    Validations.of(execution).acknowledge({ id: 'AwsSolutions-IAM5[Resource::*]', reason: 'ecr:GetAuthorizationToken takes no resource.' });
  }

  /** What a back-test may do is nothing, until somebody who needs data says which. */
  #role(kind: string, roleName: string): iam.Role {
    return new iam.Role(this, `Role-${kind}`, {
      roleName, description: 'Of tasks that compute and cannot trade',
      assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } } }),
    });
  }
}
