/** What looks every hour for tasks that drills have left, below the drill itself. */
import { Validations } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { endings } from '../contracts/cutover.ts';
import type { Settings } from '../settings/index.ts';
import type { ShadowCluster } from '../workflows/dr-drill.ts';
import { drillLeftovers } from '../workflows/drill-leftovers.ts';
import { Workflow } from '../workflows/workflow.ts';
import { retentionOf } from './log-retention.ts';
import { Schedule } from './schedule.ts';
import { JudgedStateMachine } from './state-machine.ts';

export interface DrillLeftoversProps {
  readonly settings: Settings;
  readonly shadows: ShadowCluster;
  readonly topicArn: string;
}

/** The venue on paper closes after one, and its task ends with it. */
const oldestHours = 2;
/** Four calls, each to its last attempt. */
const objectiveSeconds = 600;
const runbook = 'docs/runbooks/dr-drill.md';

export class DrillLeftovers extends Construct {
  readonly machine: JudgedStateMachine;
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, { settings, shadows, topicArn }: DrillLeftoversProps) {
    super(scope, id);
    const prefix = `baton-${settings.environment}`;
    const workflow = new Workflow(new Construct(this, 'States'));
    this.machine = new JudgedStateMachine(this, 'Leftovers', {
      name: `${prefix}-drill-leftovers`,
      comment: 'Stops shadow tasks that are older than any drill.',
      start: drillLeftovers(workflow, { ...shadows, oldestHours, topicArn }),
      declarations: workflow.declarations,
      endings: [endings.needsAPerson],
      objectiveSeconds,
      logRetention: retentionOf(settings),
      failureImpact: 'A task that a drill has left may run on, and be paid for; it can trade on paper only.',
      runbook,
    });
    Validations.of(this.machine).acknowledge(
      { id: 'AwsSolutions-IAM5[Resource::*]', reason: 'Traces and the delivery of logs know no resource.' },
      ...Object.values(shadows.arns).map((arn) => ({ id: `AwsSolutions-IAM5[Resource::${arn}]`, reason: 'Nothing but shadow tasks runs in this cluster.' })),
    );
    const hourly = new Schedule(this, 'Hourly', {
      name: `${prefix}-drill-leftovers`, description: 'What runs in the cluster of the drills for longer than any drill is stopped',
      expression: 'cron(50 * * * ? *)', windowMinutes: 15, target: { machine: this.machine.machine }, input: {},
      missedImpact: 'Nobody looked for tasks that a drill may have left.', runbook,
    });
    this.alarms = [...this.machine.alarms, hourly.alarm];
  }
}
