/** What runs of a book, as `$taskSets`: its colours, with what a machine wants to know of each. */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { js, type Workflow } from '../workflow.ts';
import type { CutoverParts } from './parts.ts';

export function lookWhatRuns(
  w: Workflow,
  parts: Pick<CutoverParts, 'clusterName' | 'arns'>,
  { comment, facts, next, refused }: {
    readonly comment: string;
    /** The members of an object, as expressions of a task set. */
    readonly facts: string;
    readonly next: sfn.IChainable;
    readonly refused: sfn.IChainable;
  },
): sfn.IChainable {
  return w.call('Look what runs of this book', {
    comment,
    service: 'ecs', action: 'DescribeServices',
    parameters: { Cluster: parts.clusterName, Services: [js('$book.serviceName')] },
    resources: parts.arns.services,
    assign: {
      // An answer that says nothing of the service does not say that nothing runs.
      taskSets: js(`$exists($states.result.Services[0])
        ? [$states.result.Services[0].TaskSets[ExternalId = 'blue' or ExternalId = 'green'].{
          ${facts}
        }]
        : $error('ECS said nothing of the service')`),
    },
    catches: { 'States.ALL': refused },
  }).next(next);
}
