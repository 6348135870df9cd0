/**
 * The canary's machine, for every book of the environment that has one. It starts other machines and looks at them: what
 * changes a book is in their roles, not in its own.
 */
import { ArnFormat, type CfnElement, Stack, Validations } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct, type IConstruct } from 'constructs';
import { endings } from '../contracts/cutover.ts';
import type { Settings } from '../settings/index.ts';
import type { MachineWithin } from '../workflows/blocks/execution-within.ts';
import type { CutoverParts } from '../workflows/blocks/parts.ts';
import { canary, type CanaryParts } from '../workflows/canary.ts';
import { Workflow } from '../workflows/workflow.ts';
import { retentionOf } from './log-retention.ts';
import { JudgedStateMachine } from './state-machine.ts';

export interface CanaryProps {
  readonly settings: Settings;
  /** `baton-<environment>`. */
  readonly prefix: string;
  readonly canaries: CanaryParts['canaries'];
  /** As the cutover's machine has them. */
  readonly parts: CutoverParts;
  readonly reports: s3.Bucket;
  readonly machines: Readonly<Record<keyof CanaryParts['machines'], JudgedStateMachine>>;
}

/** Every call of its own to its last attempt. */
const objectiveBesideWaitsSeconds = 3600;

export class Canary extends Construct {
  readonly machine: JudgedStateMachine;

  constructor(scope: Construct, id: string, { settings, prefix, canaries, parts, reports, machines }: CanaryProps) {
    super(scope, id);
    const { cutover, rollback, halt } = machines;
    const workflow = new Workflow(new Construct(this, 'States'));
    const { watchMinutes } = settings.canary;
    const folder = reports.arnForObjects('canaries/*');
    const started = { cutover: this.#within(cutover), rollback: this.#within(rollback), halt: this.#within(halt) };
    this.machine = new JudgedStateMachine(this, 'Canary', {
      name: `${prefix}-canary`,
      comment: 'Tries a release on a book with a tenth of the capital, and gives it to the whole when it was healthy there.',
      start: canary(workflow, { ...parts, arns: { ...parts.arns, reports: folder }, canaries, machines: started, watchMinutes }),
      declarations: workflow.declarations,
      endings: Object.values(endings),
      // Approvals, and a decision.
      objectiveSeconds:
        objectiveBesideWaitsSeconds + 2 * parts.limits.approvalSeconds + 2 * cutover.objectiveSeconds + rollback.objectiveSeconds + watchMinutes * 60,
      logRetention: retentionOf(settings),
      failureImpact: 'A release was not tried to its end: the canary may run it unwatched, with its capital; the book trades on.',
      runbook: 'docs/runbooks/canary.md',
    });

    const wildcard = (resource: string, reason: string): void =>
      Validations.of(this.machine).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
    const logicalId = (construct: IConstruct): string => Stack.of(this).getLogicalId(construct.node.defaultChild as CfnElement);
    wildcard('*', 'Traces and the delivery of logs know no resource.');
    for (const each of [parts.inspection, parts.approvals]) wildcard(`<${logicalId(each.function)}.Arn>:*`, 'The versions of one function.');
    wildcard(`<${logicalId(reports)}.Arn>/canaries/*`, 'Reports are named by their executions.');
    for (const { executionsArn } of Object.values(started)) wildcard(`${executionsArn}*`, 'Executions are named after the one that starts them.');
  }

  /** By their names: a machine of the same stack, whose ARN is no secret of CloudFormation. */
  #within({ name, objectiveSeconds }: JudgedStateMachine): MachineWithin {
    const arn = (resource: string, resourceName: string): string =>
      Stack.of(this).formatArn({ service: 'states', resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
    return { stateMachineArn: arn('stateMachine', name), executionsArn: arn('execution', `${name}:`), objectiveSeconds };
  }
}
