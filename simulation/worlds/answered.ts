/** What a state machine gets of a function's step, without Lambda between: its answer, its refusal, or the error by its name. */
import { refusalIn, type FunctionContract } from '../../lib/contracts/step.ts';
import { TaskFailure } from '../../rehearsal/states/engine.ts';

/** Each takes what its contract parses. */
export type Steps = Readonly<Record<string, (input: never) => Promise<unknown>>>;

export async function answered(contract: FunctionContract | undefined, steps: Steps | undefined, payload: unknown): Promise<unknown> {
  const { step, ...input } = payload as { readonly step: string };
  const declared = contract?.steps[step];
  const implementation = steps?.[step];
  if (declared === undefined || implementation === undefined) throw new Error(`no step ${step} in ${contract?.name ?? 'a function that nobody knows'}`);
  try {
    return await implementation((declared.input as unknown as { parse(value: unknown): never }).parse(input));
  } catch (error) {
    const refusal = refusalIn(declared, error);
    if (refusal !== undefined) return refusal;
    const { name, message } = error as Error;
    throw new TaskFailure(name, JSON.stringify({ errorType: name, errorMessage: message, trace: [] }));
  }
}
