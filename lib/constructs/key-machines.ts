/** The two machines that replace an exchange key for people: at once, when others may have it, and by hand, where the venue lets nobody else. */
import { ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { endings, leaseControl } from '../contracts/cutover.ts';
import type { keyRotation } from '../contracts/key-rotation.ts';
import { bookOperations } from '../contracts/operations.ts';
import type { Settings } from '../settings/index.ts';
import type { CutoverParts } from '../workflows/blocks/parts.ts';
import { replaceKey } from '../workflows/replace-key.ts';
import { revokeNow } from '../workflows/revoke-now.ts';
import { Workflow } from '../workflows/workflow.ts';
import { type ContractFunction, functionByName, functionOfBook, type MonitoredFunction } from './function.ts';
import { catchWhatIsLeft } from './last-net.ts';
import { retentionOf } from './log-retention.ts';
import { JudgedStateMachine, type JudgedStateMachineProps } from './state-machine.ts';
import { tradeLimitSeconds } from './ways-back.ts';

export interface KeyMachinesProps {
  readonly settings: Settings;
  /** Each book's. */
  readonly keys: ReadonlyMap<string, ContractFunction<typeof keyRotation>>;
  /** As the cutover's machine has them. */
  readonly parts: CutoverParts;
  readonly reports: s3.IBucket;
  /** Gives back what a dead execution has. */
  readonly lastNet: MonitoredFunction;
}

/** A minute is what it takes. This is every step to its last attempt, each waiting for another rotation's to end. */
const revokeObjectiveSeconds = 16_000;
const answerDays = 7;
/** Beside what people take, and the grace. */
const replaceObjectiveSeconds = 24_000;
const daySeconds = 86_400;

export class KeyMachines extends Construct {
  readonly machines: readonly JudgedStateMachine[];
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, props: KeyMachinesProps) {
    super(scope, id);
    const { settings, reports } = props;
    const { region } = Stack.of(this);
    const prefix = `baton-${settings.environment}`;
    const parts = {
      ...props.parts,
      keys: functionOfBook(props.keys, '$request.book'),
      operations: functionByName(this, bookOperations, prefix),
      leaseControl: functionByName(this, leaseControl, prefix),
    };
    const reportingTo = (folder: string) => ({ ...parts, arns: { ...parts.arns, reports: reports.arnForObjects(`${folder}/*`) } });
    const revoke = this.#machine(settings, 'RevokeNow', {
      name: `${prefix}-revoke-now`,
      comment: 'Replaces an exchange key that others may have: the book is halted until the old one is refused.',
      build: (w) => revokeNow(w, { ...reportingTo('revocations'), tradeLimitSeconds }),
      objectiveSeconds: revokeObjectiveSeconds,
      failureImpact: 'An exchange key that others may have may still work, and its book is halted.',
      runbook: 'docs/runbooks/revoke-now.md',
    });
    const { graceHours } = settings.keys;
    const replace = this.#machine(settings, 'ReplaceKey', {
      name: `${prefix}-replace-key`,
      comment: 'Asks people for an exchange key that only they can make, and moves a book to it.',
      build: (w) => replaceKey(w, { ...reportingTo('key-replacements'), region, graceHours, answerDays }),
      objectiveSeconds: replaceObjectiveSeconds + graceHours * 3600 + 2 * 3 * answerDays * daySeconds,
      failureImpact: 'An exchange key that is made by hand was not replaced, or the old one may still work; the book goes on trading.',
      runbook: 'docs/runbooks/exchange-keys.md',
    });
    this.machines = [revoke, replace];
    this.alarms = this.machines.flatMap(({ alarms }) => alarms);
    catchWhatIsLeft(this, {
      ruleName: `${prefix}-last-net-keys`, description: 'Revocations that ended without success may have left a lock',
      machines: [revoke], giver: props.lastNet.function,
    });
    this.#acknowledge(props);
    if (region === settings.regions.first.name) this.#letPeopleAnswer(settings, replace.name);
  }

  #machine(
    settings: Settings, id: string,
    { build, ...props }: Pick<JudgedStateMachineProps, 'name' | 'comment' | 'objectiveSeconds' | 'failureImpact' | 'runbook'> & {
      readonly build: (workflow: Workflow) => JudgedStateMachineProps['start'];
    },
  ): JudgedStateMachine {
    // A scope for the states of each: the same blocks are in several machines.
    const workflow = new Workflow(new Construct(this, `${id}States`));
    const start = build(workflow);
    return new JudgedStateMachine(this, id, {
      ...props, start, declarations: workflow.declarations, endings: Object.values(endings), logRetention: retentionOf(settings),
    });
  }

  /** Policies are everybody's Region's: one for both, for the permission set, user or role of those who make keys. */
  #letPeopleAnswer({ environment, regions }: Settings, machine: string): void {
    const machines = [regions.first, regions.second].map(({ name: region }) =>
      Stack.of(this).formatArn({ service: 'states', region, resource: 'stateMachine', resourceName: machine, arnFormat: ArnFormat.COLON_RESOURCE_NAME }));
    new iam.ManagedPolicy(this, 'KeyHolder', {
      managedPolicyName: `baton-${environment}-key-holder`,
      description: `May answer what ${machine} asks`,
      statements: [new iam.PolicyStatement({ actions: ['states:SendTaskSuccess', 'states:SendTaskFailure'], resources: machines })],
    });
  }

  /** Every wildcard in the machines' roles, each with its reason. */
  #acknowledge({ reports }: KeyMachinesProps): void {
    const wildcard = (resource: string, reason: string): void => {
      for (const machine of this.machines) Validations.of(machine).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
    };
    wildcard('*', 'Traces and the delivery of logs know no resource.');
    for (const folder of ['revocations', 'key-replacements']) wildcard(reports.arnForObjects(`${folder}/*`), 'Reports are named by their executions.');
  }
}
