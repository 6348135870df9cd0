/** The last net: an execution that was killed, or ran out of time, gives nothing back itself, and its machine has no catcher for that. */
import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { JudgedStateMachine } from './state-machine.ts';

export interface LastNetProps {
  readonly ruleName: string;
  readonly description: string;
  readonly machines: readonly JudgedStateMachine[];
  /** Gives back what the execution of the event still has. */
  readonly giver: lambda.IFunction;
  /** What it is told; the whole event when not said. */
  readonly event?: events.RuleTargetInput;
}

export function catchWhatIsLeft(scope: Construct, { ruleName, description, machines, giver, event }: LastNetProps): void {
  const rule = new events.Rule(scope, 'LastNetRule', {
    ruleName,
    description,
    eventPattern: {
      source: ['aws.states'],
      detailType: ['Step Functions Execution Status Change'],
      detail: { stateMachineArn: machines.map(({ machine }) => machine.stateMachineArn), status: ['FAILED', 'TIMED_OUT', 'ABORTED'] },
    },
  });
  rule.addTarget(new targets.LambdaFunction(giver, { ...(event && { event }), retryAttempts: 10, maxEventAge: Duration.hours(1) }));
}

/** For the machines that move all books: they are released by the execution that has them. */
export const releaseBooksOfTheExecution = (): events.RuleTargetInput =>
  events.RuleTargetInput.fromObject({ step: 'releaseBooks', execution: events.EventField.fromPath('$.detail.executionArn') });
