/**
 * How a machine asks about the instances of a colour. One that has the book names its token with each question; that of the
 * standby Region has no book, and names the release that it refreshes to. What tells them to stop differs alike.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { standbyControl } from '../../contracts/standby.ts';
import type { ContractFunction } from '../../constructs/function.ts';
import { js, type Catches, type Jsonata, type Refused, type Workflow } from '../workflow.ts';
import type { CutoverParts } from './parts.ts';
import { book, fresh, incoming } from './variables.ts';

type Asking = sfn.INextable & sfn.IChainable;

/** `Fence`: the error by which the machine learns that it must write nothing more. */
export interface Instances<Fence extends string> {
  /** Are those of the incoming colour ready? Leaves `$standbysReady`, `$missing`, `$sightings`. */
  look(w: Workflow, name: string, comment: string): Asking;
  /** Forgets what those of a colour said of themselves. */
  forget(w: Workflow, name: string, options: { readonly comment: string; readonly colour: Jsonata; readonly catches: Catches<Fence> }): Asking;
}

const asked = { colour: incoming, imageDigest: js('$request.images.trader'), tasks: js('$started.tasks'), sightings: js('$sightings') };

export function withTheToken({ inspection, leaseControl }: Pick<CutoverParts, 'inspection' | 'leaseControl'>): Instances<'WorkflowPreemptedError'> {
  return {
    look: (w, name, comment) =>
      w.invoke(name, inspection, 'standbys', {
        comment,
        input: { ...fresh, ...asked, region: js('$plan.home') },
        assign: (answer) => ({ standbysReady: answer.ready, missing: answer.missing, sightings: answer.sightings }),
      }),
    forget: (w, name, { comment, colour, catches }) =>
      w.invoke(name, leaseControl, 'forgetColour', { comment, input: { ...fresh, colour }, catches }),
  };
}

/**
 * @param otherwise where the machine goes when something newer decides: another release is live by now, or the book has moved here;
 *   with the reason in that variable
 */
export function asStandby(control: ContractFunction<typeof standbyControl>, otherwise: { readonly into: string; readonly next: sfn.IChainable }): Instances<never> {
  const toWhat = { book, of: js('$plan.of') };
  const refusedAt = (name: string): Refused => ({ ...otherwise, judge: `Is it still right to ${name.charAt(0).toLowerCase()}${name.slice(1)}?` });
  return {
    look: (w, name, comment) =>
      w.invoke(name, control, 'standbys', {
        comment,
        input: { ...toWhat, ...asked },
        assign: (answer) => ({ standbysReady: answer.ready, missing: answer.missing, sightings: answer.sightings }),
        refused: refusedAt(name),
      }),
    forget: (w, name, { comment, colour, catches }) =>
      w.invoke(name, control, 'forgetColour', { comment, input: { ...toWhat, colour }, refused: refusedAt(name), catches }),
  };
}
