/**
 * The ways back: halt, resume and emergency rollback, each a state machine for every book of the environment, and the
 * function that decides for two of them. They report, tell and are caught as the cutover is. The halt needs none of
 * that to work: it writes the lease itself.
 */
import { ArnFormat, type CfnElement, Stack, Validations } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct, type IConstruct } from 'constructs';
import { endings } from '../contracts/cutover.ts';
import { bookOperations } from '../contracts/operations.ts';
import type { Settings } from '../settings/index.ts';
import type { CutoverParts } from '../workflows/blocks/parts.ts';
import { halt } from '../workflows/halt.ts';
import { resume } from '../workflows/resume.ts';
import { rollback } from '../workflows/rollback.ts';
import { Workflow } from '../workflows/workflow.ts';
import { ContractFunction, type MonitoredFunction } from './function.ts';
import { catchWhatIsLeft } from './last-net.ts';
import { retentionOf } from './log-retention.ts';
import { JudgedStateMachine, type JudgedStateMachineProps } from './state-machine.ts';

export interface WaysBackProps {
  readonly settings: Settings;
  /** `baton-<environment>`. */
  readonly prefix: string;
  readonly leaseTable: dynamodb.ITableV2;
  readonly journalTable: dynamodb.ITableV2;
  /** As the cutover's machine has them. */
  readonly parts: CutoverParts;
  readonly reports: s3.Bucket;
  /** Gives back what a dead execution has. */
  readonly lastNet: MonitoredFunction;
}

/** Every call of a halt to its last attempt, and the wait for a holder that says nothing. */
const haltObjectiveSeconds = 420;
/** A lease for the standby, its look at the venue, and some for a venue that is slow. */
export const tradeLimitSeconds = 60;
const resumeObjectiveSeconds = 700;
/** As for a cutover without snapshot, bake and window: every wait to its limit, every call to its last attempt. */
const rollbackObjectiveBesideWaitsSeconds = 3000;

export class WaysBack extends Construct {
  readonly machines: readonly JudgedStateMachine[];
  readonly halt: JudgedStateMachine;
  readonly rollback: JudgedStateMachine;
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, props: WaysBackProps) {
    super(scope, id);
    const { settings, prefix, leaseTable, journalTable, parts, reports } = props;
    const { partition, region, account } = Stack.of(this);
    const operations = new ContractFunction(this, 'Operations', {
      contract: bookOperations, prefix, logRetention: retentionOf(settings),
      environment: {
        BATON_LEASE_TABLE: leaseTable.tableName,
        BATON_JOURNAL_TABLE: journalTable.tableName,
        BATON_BOOKS: parts.books.map(({ name }) => name).join(','),
        BATON_CUTOVER_EXECUTIONS: `arn:${partition}:states:${region}:${account}:execution:${prefix}-cutover:`,
      },
    });
    const allow = (actions: readonly string[], resource: string): void => {
      operations.function.addToRolePolicy(new iam.PolicyStatement({ actions: [...actions], resources: [resource] }));
    };
    allow(['dynamodb:GetItem', 'dynamodb:UpdateItem', 'dynamodb:Query'], leaseTable.tableArn);
    allow(['dynamodb:Query'], journalTable.tableArn);

    const reportingTo = (folder: string): CutoverParts => ({ ...parts, arns: { ...parts.arns, reports: reports.arnForObjects(`${folder}/*`) } });
    const { healthySeconds, drainSeconds, proveSeconds } = settings.cutover;
    const halts = this.#machine(props, 'Halt', {
      comment: 'Stops the trading of one book, whatever else has it, until it is resumed.',
      build: (w) => halt(w, { ...reportingTo('halts'), leaseTableName: leaseTable.tableName, leaseTableArn: leaseTable.tableArn }),
      objectiveSeconds: haltObjectiveSeconds,
      failureImpact: 'A halt was asked for and may not stand, or the holder did not confirm it: look at the lease and at the venue now.',
      runbook: 'docs/runbooks/halt.md',
    });
    const resumes = this.#machine(props, 'Resume', {
      comment: 'Ends the halt of one book, with a reason, and sees it trade.',
      build: (w) => resume(w, { ...reportingTo('resumes'), operations, tradeLimitSeconds }),
      objectiveSeconds: resumeObjectiveSeconds,
      failureImpact: 'A book that was to trade again does not; nothing trades it.',
      runbook: 'docs/runbooks/halt.md',
    });
    const rollbacks = this.#machine(props, 'Rollback', {
      comment: 'Puts an earlier release of one book back to work: a warm standby at once, any other within minutes.',
      build: (w) => rollback(w, {
        ...reportingTo('rollbacks'), operations,
        restoreMachineArn: Stack.of(this).formatArn({
          service: 'states', resource: 'stateMachine', resourceName: `${prefix}-restore-database`, arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }),
      }),
      objectiveSeconds: rollbackObjectiveBesideWaitsSeconds + healthySeconds + drainSeconds + proveSeconds,
      failureImpact: 'The release that was to go may still trade; whoever holds the lease goes on.',
      runbook: 'docs/runbooks/rollback.md',
    });
    this.machines = [halts, resumes, rollbacks];
    this.halt = halts;
    this.rollback = rollbacks;
    this.alarms = [operations.errorsAlarm, ...this.machines.flatMap(({ alarms }) => alarms)];
    // A halt takes nothing that would have to be given back.
    catchWhatIsLeft(this, {
      ruleName: `${prefix}-last-net-ways-back`, description: 'Executions that ended without success may have left a lock or a drain',
      machines: [resumes, rollbacks], giver: props.lastNet.function,
    });
    this.#acknowledge(props, operations);
  }

  #machine(
    { settings, prefix }: WaysBackProps,
    name: 'Halt' | 'Resume' | 'Rollback',
    { build, ...props }: Pick<JudgedStateMachineProps, 'comment' | 'objectiveSeconds' | 'failureImpact' | 'runbook'> & {
      readonly build: (workflow: Workflow) => JudgedStateMachineProps['start'];
    },
  ): JudgedStateMachine {
    // A scope for the states of each: the same blocks are in several machines.
    const workflow = new Workflow(new Construct(this, `${name}States`));
    const start = build(workflow);
    return new JudgedStateMachine(this, name, {
      ...props, start, declarations: workflow.declarations, endings: Object.values(endings), logRetention: retentionOf(settings),
      name: `${prefix}-${name.toLowerCase()}`,
    });
  }

  /** Every wildcard in the machines' roles, each with its reason. */
  #acknowledge({ parts, reports }: WaysBackProps, operations: ContractFunction<typeof bookOperations>): void {
    const wildcard = (resource: string, reason: string): void => {
      for (const machine of this.machines) Validations.of(machine).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
    };
    const logicalId = (construct: IConstruct): string => Stack.of(this).getLogicalId(construct.node.defaultChild as CfnElement);
    wildcard('*', 'Traces, the delivery of logs, and the calls of ECS about task definitions know no resource.');
    for (const each of [operations, parts.leaseControl, parts.inspection]) {
      wildcard(`<${logicalId(each.function)}.Arn>:*`, 'The versions of one function.');
    }
    for (const folder of ['halts', 'resumes', 'rollbacks']) {
      wildcard(`<${logicalId(reports)}.Arn>/${folder}/*`, 'Reports are named by their executions.');
    }
    for (const arn of [...parts.arns.taskDefinitions, ...parts.arns.taskSets]) {
      wildcard(arn, 'Revisions of one family, and task sets of one service: the machines make them.');
    }
  }
}
