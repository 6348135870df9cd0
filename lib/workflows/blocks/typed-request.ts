/**
 * The state with which each machine begins that people start: what they typed is read by a function, whose answer is a plan or a
 * refusal. A request that could not even be read is refused, too: nothing has been touched.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { js, type Refused } from '../workflow.ts';

export const checkTheRequest = 'Check the request that was typed';
export const whatWasTyped = js('$states.context.Execution.Input');

interface TypedRequest {
  readonly comment: string;
  readonly input: { readonly request: typeof whatWasTyped };
  readonly refused: Refused;
  readonly catches: { readonly 'States.ALL': sfn.IChainable };
}

export function typedRequest(refused: sfn.IChainable): TypedRequest {
  return {
    comment: 'Every fault is named, with what was seen and what to do.',
    input: { request: whatWasTyped },
    refused: { judge: 'Is the request in order?', next: refused },
    catches: { 'States.ALL': refused },
  };
}
