/** How a handler asks a function of a contract: by the same step as a state machine would. */
import * as z from 'zod/mini';
import type { FunctionContract, StepContract, StepInput, StepName, StepOutput } from './step.ts';

/** Sends an event to a function and answers what it answered; throws what it threw. */
export type Send = (functionName: string, event: unknown) => Promise<unknown>;

export type Call<C extends FunctionContract> = <N extends StepName<C>>(step: N, input: StepInput<C['steps'][N]>) => Promise<StepOutput<C['steps'][N]>>;

export function calling<C extends FunctionContract>(contract: C, functionName: string, send: Send): Call<C> {
  return async (step, input) => {
    const { output } = contract.steps[step] as StepContract;
    return z.parse(output, await send(functionName, { step, ...(input as object) })) as StepOutput<C['steps'][typeof step]>;
  };
}
