/**
 * What a spent budget or a closed market stops: tasks that cannot trade, and the size of a database where the settings say so. Each is written
 * down before it is stopped, and its undo is the same machine with `undo`. A task that can trade is in another cluster, on which the machine's role is denied all.
 */
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import { tasksMax, type budgetControl } from '../contracts/budget-response.ts';
import type { ContractFunction } from '../constructs/function.ts';
import { nothing } from './blocks/variables.ts';
import { js, type Workflow } from './workflow.ts';

export interface BudgetResponseParts {
  readonly control: ContractFunction<typeof budgetControl>;
  /** Of what does not trade. */
  readonly clusterName: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupId: string;
  /** Leave to pass exactly the roles of tasks that do not trade. */
  readonly passRoles: iam.PolicyStatement;
  readonly arns: { readonly tasks: string; readonly definitions: string };
  /** Absent where a database keeps its size whatever it costs. */
  readonly database?: { readonly identifier: string; readonly arn: string };
  readonly topicArn: string;
}

/** Of an instance that is being modified, or backed up. */
const databaseBusy = { everySeconds: 60, times: 10 } as const;

export function budgetResponse(w: Workflow, parts: BudgetResponseParts): sfn.IChainable {
  const { control, topicArn } = parts;
  const refused = w.fail('The budget response was refused', { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });
  const needsAPerson = w.fail('The budget response needs a person', {
    comment: 'What was to be stopped is written down: the same input again goes on with the rest.', error: endings.needsAPerson, cause: js('$why'),
  });
  const failing = { 'States.ALL': needsAPerson };

  const tell = w.call('Tell people what was done for the budget', {
    comment: 'Whoever misses a back-test reads here why, and how to have it back.',
    service: 'sns', action: 'Publish',
    parameters: {
      TopicArn: topicArn,
      Subject: js("'Baton: ' & $plan.because"),
      Message: js(`$string({
        'cause': $plan.cause, 'reason': $plan.reason, 'requestedBy': $plan.requestedBy, 'stopped': $plan.stop, 'startedAgain': $plan.run.of,
        'databaseClass': $plan.databaseClass, 'undo': 'the same machine, with "undo": true', 'runbook': 'docs/runbooks/cost.md'
      }, true)`),
    },
    resources: [topicArn],
    catches: failing,
  });
  const succeeded = w.succeed('What costs was stopped or started', { comment: 'Nothing that can trade was touched.', outputs: js('$plan') });
  tell.next(succeeded);
  const note = w.invoke('Write down that it is done', control, 'note', {
    comment: 'What was started again is no more to be undone.',
    input: { undo: js('$plan.undo'), started: js('[$plan.run.of]') },
    catches: failing,
  });
  note.next(w.choice('Do people hear of it?', {
    comment: 'A market closes every day: of that they hear when it goes wrong.',
    answers: [{ when: js('$plan.tell'), next: tell, comment: 'It was the budget.' }],
    otherwise: succeeded,
  }));

  const afterTasks = parts.database === undefined ? note : resize(w, parts.database, { done: note, failing });
  const stopEach = w.forEach('Stop each task that does not trade', {
    comment: 'One after the other is soon enough: each is a call.',
    items: js('[$plan.stop]'), itemsMax: tasksMax,
    body: w.call('Stop a task that does not trade', {
      comment: 'ECS lets it end by itself first. One that has ended meanwhile is not found, which is as good.',
      service: 'ecs', action: 'StopTask',
      parameters: { Cluster: parts.clusterName, Task: js('$states.input'), Reason: js("'Baton: ' & $plan.because") },
      resources: [parts.arns.tasks],
      errors: ['Ecs.InvalidParameterException'],
      catches: { 'Ecs.InvalidParameterException': { quietly: w.pass('Note that it has ended by itself', { comment: 'Nothing is left to stop.' }) } },
    }),
    catches: failing,
  });
  stopEach.next(afterTasks);
  const notStarted = w.fail('The task was not started', {
    comment: 'The undo ends here: run again, it goes on with those that are left.', error: 'TaskNotStartedError', cause: js('$answer'),
  });
  const runTask = w.call('Run a task again', {
    comment: 'The token comes from the task that was stopped: a repeat finds the same one.',
    service: 'ecs', action: 'RunTask',
    parameters: {
      Cluster: parts.clusterName,
      TaskDefinition: js('$states.input.definition'),
      Overrides: js('$states.input.overrides'),
      NetworkConfiguration: {
        AwsvpcConfiguration: { Subnets: [...parts.subnetIds], SecurityGroups: [parts.securityGroupId], AssignPublicIp: 'DISABLED' },
      },
      ClientToken: js('$states.input.token'),
    },
    resources: [parts.arns.definitions],
    iamAction: 'ecs:RunTask',
    statements: [parts.passRoles],
    assign: { answer: js("$count($states.result.Failures) > 0 ? 'ECS said ' & $string($states.result.Failures) : ''") },
  });
  runTask.next(w.choice('Was the task started?', {
    comment: 'ECS answers a want of capacity without an error.',
    answers: [{ when: js("$answer != ''"), next: notStarted, comment: 'There was no room for it.' }],
    otherwise: w.pass('Note that it runs', { comment: 'It is starting.' }),
  }));
  const runEach = w.forEach('Run each task again', {
    comment: 'Each as it was started; what it had done, it knows itself or does again.',
    items: js('[$plan.run]'), itemsMax: tasksMax,
    body: runTask,
    catches: { TaskNotStartedError: needsAPerson, 'States.ALL': needsAPerson },
  });
  runEach.next(afterTasks);

  const plan = w.invoke('Decide what is stopped, or started again', control, 'plan', {
    comment: 'It is written down before it is done.',
    input: { request: js('$states.context.Execution.Input') },
    assign: (_, whole) => ({ plan: whole }),
    refused: { judge: 'Is the request in order?', next: refused },
    catches: { 'States.ALL': needsAPerson },
  });
  plan.next(w.choice('Is it to be undone?', {
    comment: 'Of a budget by hand only, when there is money again; of a market before it opens.',
    answers: [{ when: js('$plan.undo'), next: runEach, comment: 'What nothing else holds is run again.' }],
    otherwise: stopEach,
  }));
  return w.pass('Set out with what is known', { comment: 'Each ending can say why.', assign: { why: nothing, plan: {} } }).next(plan);
}

function resize(
  w: Workflow, { identifier, arn }: NonNullable<BudgetResponseParts['database']>, { done, failing }: { done: sfn.IChainable; failing: { 'States.ALL': sfn.IChainable } },
): sfn.IChainable {
  const modify = w.call('Change the size of the database', {
    comment: 'It restarts within minutes. Traders go on: the ledger is behind the order path.',
    service: 'rds', action: 'ModifyDBInstance',
    parameters: { DbInstanceIdentifier: identifier, DbInstanceClass: js('$plan.databaseClass'), ApplyImmediately: true },
    resources: [arn],
    errors: ['Rds.InvalidDbInstanceStateException'],
    tooEarly: { error: 'Rds.InvalidDbInstanceStateException', ...databaseBusy },
    catches: failing,
  });
  modify.next(done);
  return w.choice('Is the database to have another size?', {
    comment: 'It may have it already.',
    answers: [{ when: js("$plan.databaseClass != ''"), next: modify, comment: 'It is.' }],
    otherwise: done,
  });
}
