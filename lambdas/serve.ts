/**
 * The one wiring of a contract's functions to Lambda: environment and events are parsed here, every failure is
 * logged once with its step, and errors keep the names that the state machine catches. A refusal is answered, not thrown: Lambda
 * counts what is thrown as an error of the function, and an alarm rings.
 */
import { Logger } from '@aws-lambda-powertools/logger';
import * as z from 'zod/mini';
import { faultsOf } from '../lib/contracts/faults.ts';
import { refusalIn, type EnvironmentOut, type FunctionContract, type Implementation, type StepName } from '../lib/contracts/step.ts';

/** A contract was broken by its caller: a fault of the definition, so no state machine catches it by name. */
export class ContractBrokenError extends Error {
  override readonly name = 'ContractBrokenError';
}

export type Handler = (event: unknown) => Promise<unknown>;

export function readEnvironment<S extends z.core.$ZodType>(name: string, schema: S, environment: NodeJS.ProcessEnv): z.core.output<S> {
  const parsed = z.safeParse(schema, environment);
  if (parsed.success) return parsed.data;
  throw new ContractBrokenError(`The environment of ${name} is wrong: ${faultsOf(parsed.error)}. Deploy the stack that declares it again.`);
}

export function serve<C extends FunctionContract>(
  contract: C,
  environment: NodeJS.ProcessEnv,
  build: (environment: EnvironmentOut<C>) => Implementation<C>,
): Handler {
  const logger = new Logger({ serviceName: contract.name });
  const steps = build(readEnvironment(contract.name, contract.environment, environment) as EnvironmentOut<C>);
  return async (event) => {
    const { step, ...input } = event as { step?: string };
    const declared = step === undefined ? undefined : contract.steps[step];
    if (step === undefined || declared === undefined) {
      throw new ContractBrokenError(
        `${contract.name} has no step '${step}'; it has ${Object.keys(contract.steps).join(', ')}. Deploy stack and function together.`,
      );
    }
    const parsed = z.safeParse(declared.input, input);
    if (!parsed.success) {
      throw new ContractBrokenError(
        `The input of ${contract.name}'s step '${step}' is wrong: ${faultsOf(parsed.error, input)}. Deploy stack and function together.`,
      );
    }
    // As parsed: a contract hides there what no log may show.
    const shown = parsed.data as Record<string, unknown>;
    try {
      const output = await steps[step as StepName<C>](parsed.data as never);
      logger.info(step, { input: shown, output });
      return output;
    } catch (error) {
      const refusal = refusalIn(declared, error);
      if (refusal !== undefined) {
        logger.warn(step, { input: shown, ...refusal });
        return refusal;
      }
      logger.error(step, { input: shown, error: error as Error });
      throw error;
    }
  };
}
