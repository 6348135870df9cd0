/** Makes the new colour the truth: in the lease, in the parameter that deployments and the region watch read, and in ECS. */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { js, type Jsonata, type Workflow } from '../workflow.ts';
import type { CutoverParts } from './parts.ts';
import { fresh, noted, unlessRedriven } from './variables.ts';

export function recordLive(
  w: Workflow,
  parts: CutoverParts,
  to: { readonly recorded: sfn.IChainable; readonly needsAPerson: sfn.IChainable; readonly preempted: sfn.IChainable },
  /** Of a rollback: whether ECS calls this task set the primary one already, and whether what was live is taken away. */
  back?: { readonly isPrimary: Jsonata; readonly takesAway: Jsonata },
): sfn.IChainable {
  const record = w.invoke('Record in the lease what is live', parts.leaseControl, 'recordLive', {
    comment: 'From here on the new colour is the truth; nothing later undoes it.',
    input: {
      ...fresh, imageDigest: js('$request.images.trader'), guardDigest: js('$request.images.guard'), taskDefinition: js('$revision'),
      takesAway: back?.takesAway ?? false,
    },
    assign: () => noted('The new colour was recorded as live.'),
    catches: { WorkflowPreemptedError: to.preempted, 'States.ALL': to.needsAPerson },
  });
  return record.next(publishLive(w, parts, { ...to, ...(back !== undefined && { isPrimary: back.isPrimary }) }));
}

/** The part of it that belongs to a Region: its parameter and its ECS. */
export function publishLive(
  w: Workflow,
  parts: Pick<CutoverParts, 'clusterName' | 'arns'>,
  { recorded, needsAPerson, isPrimary, more }: {
    readonly recorded: sfn.IChainable;
    readonly needsAPerson: sfn.IChainable;
    readonly isPrimary?: Jsonata;
    /** Fields of a JSONata object, besides what runs. */
    readonly more?: string;
  },
): sfn.IChainable {
  const publish = w.call('Record in the parameter what is live', {
    comment: 'A deployment reads it and refuses to run against another truth.',
    service: 'ssm', action: 'PutParameter',
    parameters: {
      Name: unlessRedriven('$book.liveParameterName'), Type: 'String', Overwrite: true,
      Value: js(`$string({
        'imageDigest': $request.images.trader, 'guardDigest': $request.images.guard, 'taskDefinition': $revision${more === undefined ? '' : `, ${more}`}
      })`),
    },
    resources: parts.arns.liveParameters,
    catches: { 'States.ALL': needsAPerson },
  });
  const makePrimary = w.call('Make the new task set the primary one', {
    comment: 'Until now the old one was, so that an abandoned change leaves the service as it found it.',
    service: 'ecs', action: 'UpdateServicePrimaryTaskSet',
    parameters: { Cluster: parts.clusterName, Service: js('$book.serviceName'), PrimaryTaskSet: unlessRedriven('$taskSet') },
    resources: parts.arns.services,
    catches: { 'States.ALL': needsAPerson },
  });
  publish.next(isPrimary === undefined ? makePrimary : w.choice('Is the task set the primary one already?', {
    comment: 'It still is when what goes was never recorded as live.',
    answers: [{ when: isPrimary, next: recorded, comment: 'Then there is nothing to change.' }],
    otherwise: makePrimary,
  }));
  makePrimary.next(recorded);
  return publish;
}
