/**
 * The planned moves to this Region, switchover and failback: their machines and functions, and the last net below them. What they do in
 * the other Region goes through one function, `other-region`: a state machine cannot call across, and a failover may need none of it.
 */
import { ArnFormat, type CfnElement, Stack, Validations } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct, type IConstruct } from 'constructs';
import { endings } from '../contracts/cutover.ts';
import { databaseRecovery } from '../contracts/recovery.ts';
import { otherRegion, switchoverControl } from '../contracts/switchover.ts';
import { booksThatWrite, type Settings } from '../settings/index.ts';
import type { FailoverParts } from '../workflows/failover.ts';
import { failback } from '../workflows/failback.ts';
import { switchover, type SwitchoverParts } from '../workflows/switchover.ts';
import { Workflow } from '../workflows/workflow.ts';
import { ContractFunction, type MonitoredFunction } from './function.ts';
import { catchWhatIsLeft, releaseBooksOfTheExecution } from './last-net.ts';
import { retentionOf } from './log-retention.ts';
import { JudgedStateMachine } from './state-machine.ts';

export interface SwitchoverProps {
  readonly settings: Settings;
  readonly leaseTable: dynamodb.ITableV2;
  /** As this Region's failover has them: the second half of the way is the same. */
  readonly parts: FailoverParts;
  readonly reports: s3.IBucket;
  /** The secrets that both Regions have, with the alias of the key of each. */
  readonly secrets: readonly { readonly name: string; readonly keyAlias: string }[];
}

/** The promotion, the renaming and the replica of the other side, all to their limits. */
const switchoverObjectiveSeconds = 25_000;
/** The same, and a replica here before. */
const failbackObjectiveSeconds = 40_000;

export class Switchover extends Construct {
  readonly machines: readonly JudgedStateMachine[];
  /** For every machine that is about all books, or about both Regions. */
  readonly control: ContractFunction<typeof switchoverControl>;
  readonly other: ContractFunction<typeof otherRegion>;
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, props: SwitchoverProps) {
    super(scope, id);
    const { settings, leaseTable, parts, reports, secrets } = props;
    const { first, second } = settings.regions;
    const { region, account } = Stack.of(this);
    const other = region === first.name ? second.name : first.name;
    const prefix = `baton-${settings.environment}`;
    const common = { prefix, logRetention: retentionOf(settings) };

    const control = new ContractFunction(this, 'Control', {
      ...common, contract: switchoverControl,
      environment: {
        BATON_LEASE_TABLE: leaseTable.tableName,
        BATON_BOOKS: settings.books.map(({ name }) => name).join(','),
        BATON_BOOKS_THAT_WRITE: booksThatWrite(settings).join(','),
        BATON_REGION: region,
      },
    });
    allow(control, ['dynamodb:GetItem', 'dynamodb:UpdateItem', 'dynamodb:Query'], [leaseTable.tableArn]);
    const both = new ContractFunction(this, 'OtherRegion', {
      ...common, contract: otherRegion,
      environment: {
        BATON_REGION: region, BATON_OTHER_REGION: other, BATON_ACCOUNT: account,
        BATON_DATABASE: parts.databaseInstanceIdentifier,
        BATON_DATABASE_FUNCTION: `${prefix}-${databaseRecovery.name}`,
        BATON_SECRETS: JSON.stringify(secrets),
      },
    });
    this.#letChangeBoth(both, { prefix, regions: [region, other], secrets: secrets.map(({ name }) => name) });

    const machine = (name: 'Switchover' | 'Failback', build: (w: Workflow, own: SwitchoverParts) => ReturnType<typeof switchover>, objectiveSeconds: number): JudgedStateMachine => {
      const folder = `${name.toLowerCase()}s`;
      const workflow = new Workflow(new Construct(this, `${name}States`));
      const start = build(workflow, {
        ...parts, control, other: both, otherRegionName: other, drainSeconds: settings.cutover.drainSeconds,
        arns: { ...parts.arns, reports: reports.arnForObjects(`${folder}/*`) },
      });
      const made = new JudgedStateMachine(this, name, {
        name: `${prefix}-${name.toLowerCase()}`,
        comment: name === 'Switchover' ? 'Moves every book to this Region by plan, with nothing lost.' : 'Makes the replica that a failover left this Region without, and moves every book home.',
        start,
        declarations: workflow.declarations,
        endings: Object.values(endings),
        objectiveSeconds,
        logRetention: retentionOf(settings),
        failureImpact: 'The books were not moved by plan, or not all that belongs to them was: the report says which; whoever holds a lease goes on trading.',
        runbook: `docs/runbooks/${name.toLowerCase()}.md`,
      });
      this.#acknowledge(made, [control, both, parts.recovery, parts.database], parts, reports.arnForObjects(`${folder}/*`));
      return made;
    };
    this.control = control;
    this.other = both;
    this.machines = [machine('Switchover', switchover, switchoverObjectiveSeconds), machine('Failback', failback, failbackObjectiveSeconds)];
    this.alarms = [control.errorsAlarm, both.errorsAlarm, ...this.machines.flatMap(({ alarms }) => alarms)];
    catchWhatIsLeft(this, {
      ruleName: `${prefix}-last-net-planned-moves`, description: 'Planned moves that ended without success may have left their locks and drains',
      machines: this.machines, giver: parts.recovery.function, event: releaseBooksOfTheExecution(),
    });
  }

  #letChangeBoth(
    both: ContractFunction<typeof otherRegion>,
    { prefix, regions, secrets }: { readonly prefix: string; readonly regions: readonly string[]; readonly secrets: readonly string[] },
  ): void {
    const wildcard = (resource: string, reason: string): void =>
      Validations.of(both).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
    for (const region of regions) {
      const arn = (service: string, resource: string, resourceName: string, arnFormat = ArnFormat.COLON_RESOURCE_NAME): string =>
        Stack.of(this).formatArn({ region, service, resource, resourceName, arnFormat });
      const named = arn('rds', 'db', prefix);
      const any = arn('rds', 'db', '*');
      allow(both, ['lambda:InvokeFunction'], [arn('lambda', 'function', `${prefix}-${databaseRecovery.name}`)]);
      allow(both, ['rds:DescribeDBInstances'], [any]);
      wildcard(any, 'The databases that were set aside are found among all: AWS knows no narrower list.');
      allow(both, ['rds:ModifyDBInstance'], [named, arn('rds', 'db', `${prefix}-before-*`)]);
      wildcard(arn('rds', 'db', `${prefix}-before-*`), 'A database that is set aside is named by the execution that did it.');
      const groups = ['subgrp', 'pg', 'og'].map((kind) => arn('rds', kind, '*'));
      allow(both, ['rds:CreateDBInstanceReadReplica'], [named, ...groups]);
      for (const group of groups) wildcard(group, 'The groups of the database whose place the replica takes: CloudFormation names them, and those of the other Region are not known here.');
      const secretArns = secrets.map((name) => arn('secretsmanager', 'secret', `${name}-??????`));
      allow(both, ['secretsmanager:DescribeSecret', 'secretsmanager:StopReplicationToReplica', 'secretsmanager:ReplicateSecretToRegions'], secretArns);
      for (const secret of secretArns) wildcard(secret, 'Secrets Manager ends each ARN with characters of its own.');
      const keys = arn('kms', 'key', '*', ArnFormat.SLASH_RESOURCE_NAME);
      both.function.addToRolePolicy(new iam.PolicyStatement({
        actions: ['kms:CreateGrant', 'kms:DescribeKey'], resources: [keys], conditions: { StringEquals: { 'kms:ViaService': `rds.${region}.amazonaws.com` } },
      }));
      both.function.addToRolePolicy(new iam.PolicyStatement({
        actions: ['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey'], resources: [keys],
        conditions: { StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` } },
      }));
      wildcard(keys, 'Through RDS and Secrets Manager alone, for what those may be asked above; a key of the other Region has no name that is known here.');
    }
  }

  #acknowledge(machine: JudgedStateMachine, functions: readonly MonitoredFunction[], { arns }: FailoverParts, folder: string): void {
    const wildcard = (resource: string, reason: string): void =>
      Validations.of(machine).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
    const logicalId = (construct: IConstruct): string => Stack.of(this).getLogicalId(construct.node.defaultChild as CfnElement);
    Validations.of(machine).acknowledge({
      id: 'Baton permissions::NamedResources', reason: 'GetMetricStatistics knows no resource.',
    });
    wildcard('*', 'Traces, the delivery of logs, and the calls of CloudWatch about metrics know no resource.');
    for (const each of functions) wildcard(`<${logicalId(each.function)}.Arn>:*`, 'The versions of one function.');
    wildcard(folder, 'Reports are named by their executions.');
    for (const arn of arns.taskSets) wildcard(arn, 'Task sets of one service: cutovers and refreshes make them.');
    for (const arn of arns.topologyParameters) wildcard(arn, 'The fact is the name: which Region it names, only the lease tells.');
    for (const arn of arns.secrets.filter((each) => each.endsWith('?'))) wildcard(arn, 'Secrets Manager ends each ARN with characters of its own.');
  }
}

function allow(grantee: MonitoredFunction, actions: readonly string[], resources: readonly string[]): void {
  grantee.function.addToRolePolicy(new iam.PolicyStatement({ actions: [...actions], resources: [...resources] }));
}
