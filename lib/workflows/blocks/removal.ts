/** The end of a colour: its task sets, and what its instances said of themselves. */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { js, type Answer, type Catches, type Jsonata, type Workflow } from '../workflow.ts';
import type { Instances } from './instances.ts';
import type { CutoverParts } from './parts.ts';
import { bare, slowPollSeconds, unlessRedriven } from './variables.ts';

/** Tasks get 120 s to stop, and the scheduler some for itself. */
export const removalLimitSeconds = 300;
/** A quota of ECS. */
const taskSetsPerServiceMax = 5;

/** Deletes a colour's task sets, waits until they are gone and forgets what their instances said of themselves. */
export function removal<Fence extends string>(
  w: Workflow,
  parts: Pick<CutoverParts, 'clusterName' | 'arns'>,
  instances: Instances<Fence>,
  options: {
    /** As it stands in the states' names. */
    readonly what: string;
    readonly key: string;
    readonly colour: Jsonata;
    readonly next: sfn.IChainable;
    readonly tooLate: Omit<Answer, 'when'>;
    readonly catches: Catches<Fence>;
  },
): sfn.IChainable {
  const { what, key, colour, catches } = options;
  const { 'States.ALL': all }: Catches<string> = catches;
  const onFailure: Catches<never> = all === undefined ? {} : { 'States.ALL': all };
  const found = `${key}Found`;
  const forget = instances.forget(w, `Forget the registrations of ${what}`, {
    comment: 'A stopped instance cannot do it itself when it was killed.', colour, catches,
  });
  forget.next(options.next);
  const remove = w.forEach(`Delete each task set of ${what}`, {
    comment: 'Those already stopping are left to it.',
    items: js(`[$${found}[Status != 'DRAINING']]`),
    itemsMax: taskSetsPerServiceMax,
    body: w.call(`Delete a task set of ${what}`, {
      comment: 'By force: scaling it down first would only take longer.',
      service: 'ecs', action: 'DeleteTaskSet',
      parameters: { Cluster: parts.clusterName, Service: js('$book.serviceName'), TaskSet: unlessRedriven('$states.input.Id'), Force: true },
      resources: parts.arns.taskSets,
      errors: ['Ecs.TaskSetNotFoundException'],
      catches: {
        'Ecs.TaskSetNotFoundException': {
          quietly: w.pass(`Find that a task set of ${what} is gone`, { comment: 'An earlier attempt deleted it.' }),
        },
      },
    }),
    catches: onFailure,
  });
  const look = w.call(`Look for task sets of ${what}`, {
    comment: 'By their colour, so that one of an earlier execution is found as well.',
    // Not DescribeTaskSets, which wants to be told which: “TaskSets cannot be empty.”
    service: 'ecs', action: 'DescribeServices',
    parameters: { Cluster: parts.clusterName, Services: [js('$book.serviceName')] },
    resources: parts.arns.services,
    // An answer that says nothing of the service does not say that nothing is left.
    assign: {
      [found]: js(`$exists($states.result.Services[0])
        ? [$states.result.Services[0].TaskSets[ExternalId = ${bare(colour)}].{ 'Id': Id, 'Status': Status }]
        : $error('ECS said nothing of the service')`),
    },
    catches: onFailure,
  });
  return w.poll({
    begin: `Begin to remove ${what}`, since: `${key}Since`,
    ask: look,
    judge: `Are all task sets of ${what} gone?`, judgeComment: 'Their tasks have up to 120 s to stop.',
    answers: [{ when: js(`$count($${found}) = 0`), next: forget, comment: 'None is left.' }],
    tooLate: options.tooLate,
    meanwhile: remove,
    pause: `Wait a moment for ${what} to stop`, everySeconds: slowPollSeconds, limitSeconds: removalLimitSeconds,
  });
}
