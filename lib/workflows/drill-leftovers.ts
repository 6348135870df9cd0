/**
 * The last net below the tasks of drills. A drill finds and stops its own; one whose machine was killed runs on until its venue on paper closes. What runs in the cluster
 * of the drills for longer than that is stopped here. A machine, and not the reaper: only machines decide what runs, and the reaper's role could stop no task.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import { nothing } from './blocks/variables.ts';
import type { ShadowCluster } from './dr-drill.ts';
import { js, type Workflow } from './workflow.ts';

export interface DrillLeftoversParts extends ShadowCluster {
  /** Longer than any drill needs its task. */
  readonly oldestHours: number;
  readonly topicArn: string;
}

/** In one hour; the next one goes on with the rest. */
const tasksMax = 10;

export function drillLeftovers(w: Workflow, { clusterName, oldestHours, topicArn, arns }: DrillLeftoversParts): sfn.IChainable {
  const needsAPerson = w.fail('What was left needs a person', { comment: 'The next hour tries again.', error: endings.needsAPerson, cause: js('$why') });
  const failing = { 'States.ALL': needsAPerson };
  const nothingLeft = w.succeed('Nothing of a drill is left', { comment: 'What runs there is of a drill of now.', outputs: js("{ 'stopped': [] }") });

  const tell = w.call('Tell people what a drill has left', {
    comment: 'Its machine was killed, or could not stop it.',
    service: 'sns', action: 'Publish',
    parameters: {
      TopicArn: topicArn,
      Subject: 'Baton: a drill has left a task, which was stopped',
      Message: js(`$string({
        'stopped': $old, 'olderThanHours': ${oldestHours}, 'lookAt': 'the executions of the drill of that time', 'runbook': 'docs/runbooks/dr-drill.md'
      }, true)`),
    },
    resources: [topicArn],
    catches: failing,
  });
  tell.next(w.succeed('What was left is stopped', { comment: 'People know of it.', outputs: js("{ 'stopped': $old }") }));
  const stopEach = w.forEach('Stop each task that was left', {
    comment: 'Its guard gives up what it has by itself.',
    items: js('$old'), itemsMax: tasksMax,
    body: w.call('Stop a task that was left', {
      comment: 'One that has ended meanwhile is not found, which is as good.',
      service: 'ecs', action: 'StopTask',
      parameters: { Cluster: clusterName, Task: js('$states.input'), Reason: 'Left over from a drill' }, resources: [arns.tasks],
      errors: ['Ecs.InvalidParameterException'],
      catches: { 'Ecs.InvalidParameterException': { quietly: w.pass('Note that it ended meanwhile', { comment: 'Nothing is left to stop.' }) } },
    }),
    catches: failing,
  });
  stopEach.next(tell);
  const look = w.call('Look how old the shadow tasks are', {
    comment: 'Whatever drill they are of.',
    service: 'ecs', action: 'DescribeTasks', parameters: { Cluster: clusterName, Tasks: js('$tasks') }, resources: [arns.tasks],
    assign: {
      old: js(`
        $exists($states.result.Tasks)
          ? [$states.result.Tasks[$toMillis(CreatedAt) < $toMillis($now()) - ${oldestHours * 3_600_000}][[0..${tasksMax - 1}]].TaskArn]
          : $error('ECS says nothing of them.')
      `),
    },
    catches: failing,
  });
  look.next(w.choice('Is one older than any drill?', {
    comment: 'A drill of now needs its own.',
    answers: [{ when: js('$count($old) > 0'), next: stopEach, comment: 'One is.' }],
    otherwise: nothingLeft,
  }));
  const list = w.call('List what runs in the cluster of the drills', {
    comment: 'Nothing but shadow tasks does.',
    service: 'ecs', action: 'ListTasks', parameters: { Cluster: clusterName }, resources: [arns.listed],
    assign: { tasks: js('$states.result.TaskArns') },
    catches: failing,
  });
  list.next(w.choice('Does a shadow task run?', {
    comment: 'Hardly ever: a drill is once a month.',
    answers: [{ when: js('$count($tasks) > 0'), next: look, comment: 'One does.' }],
    otherwise: nothingLeft,
  }));
  return w.pass('Set out with nothing', { comment: 'The ending can say why.', assign: { tasks: [], old: [], why: nothing } }).next(list);
}
