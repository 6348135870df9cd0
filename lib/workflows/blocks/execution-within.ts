/**
 * An execution of another machine as a part of this one: started under a name that only this execution gives, so that a
 * repeat finds it, and looked at until it has ended. Not `.sync`, which wants leave to make rules of EventBridge.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { js, quoted, type Workflow } from '../workflow.ts';
import { slowPollSeconds, unlessRedriven } from './variables.ts';

export interface MachineWithin {
  readonly stateMachineArn: string;
  /** Begins the ARN of each of its executions. */
  readonly executionsArn: string;
  /** Its own time-out, by which it has ended. */
  readonly objectiveSeconds: number;
}

/** Events of its start and end reach nobody at once. */
const allowanceSeconds = 60;

export function executionWithin(
  w: Workflow,
  { stateMachineArn, executionsArn, objectiveSeconds }: MachineWithin,
  options: {
    /** As it stands in the states' names: `cutover of the canary`. */
    readonly what: string;
    /** In its name, and the variable that tells how it ended: `{ status, error, cause }`. */
    readonly key: string;
    /** A JSONata object. */
    readonly input: string;
    readonly succeeded: sfn.IChainable;
    /** Other endings, by the error that tells them apart; the reason is in `$why`. */
    readonly endings?: Readonly<Record<string, sfn.IChainable>>;
    /** Any other; also when it cannot be started or looked at. */
    readonly failed: sfn.IChainable;
  },
): sfn.IChainable {
  const { what, key, failed } = options;
  const name = `$substring($states.context.Execution.Name, 0, 50) & '-' & $substring($hash($states.context.Execution.Id, 'SHA-256'), 0, 8) & '-${key}'`;
  const limitSeconds = objectiveSeconds + allowanceSeconds;
  const look = w.call(`Look at the ${what}`, {
    comment: 'It is an execution of its own, with a report of its own.',
    service: 'sfn', action: 'DescribeExecution', iamAction: 'states:DescribeExecution',
    parameters: { ExecutionArn: js(`${quoted(executionsArn)} & ${name}`) },
    resources: [`${executionsArn}*`],
    assign: {
      [key]: js(`{
        'status': $states.result.Status,
        'error': $exists($states.result.Error) ? $states.result.Error : '', 'cause': $exists($states.result.Cause) ? $states.result.Cause : ''
      }`),
    },
    catches: { 'States.ALL': failed },
  });
  const why = { why: js(`${quoted(`The ${what} ended as `)} & $${key}.status & ' ' & $${key}.error & ': ' & $${key}.cause`) };
  const wait = w.poll({
    begin: `Begin to wait for the ${what}`, since: `${key}Since`,
    ask: look,
    judge: `Is the ${what} done?`,
    judgeComment: 'Its own machine decides how it ends.',
    answers: [
      { when: js(`$${key}.status = 'SUCCEEDED'`), next: options.succeeded, comment: 'It succeeded.' },
      ...Object.entries(options.endings ?? {}).map(([error, next]) => ({ when: js(`$${key}.error = '${error}'`), next, comment: `It ended as ${error}.`, assign: why })),
      { when: js(`$${key}.status != 'RUNNING'`), next: failed, comment: 'It ended in another way.', assign: why },
    ],
    tooLate: { next: failed, comment: 'It runs on.', assign: { why: `The ${what} has not ended within ${limitSeconds} s.` } },
    pause: `Wait a while for the ${what}`, everySeconds: slowPollSeconds, limitSeconds,
  });
  const start = w.call(`Start the ${what}`, {
    comment: 'Under a name made of this execution: started twice, it is the same one.',
    service: 'sfn', action: 'StartExecution', iamAction: 'states:StartExecution',
    parameters: { StateMachineArn: stateMachineArn, Name: unlessRedriven(name), Input: js(`$string(${options.input})`) },
    resources: [stateMachineArn],
    errors: ['Sfn.ExecutionAlreadyExistsException'],
    catches: { 'Sfn.ExecutionAlreadyExistsException': { quietly: wait }, 'States.ALL': failed },
  });
  start.next(wait);
  return start;
}
