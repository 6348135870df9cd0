/**
 * The form of every contract between a state machine and its functions. The stack reads the environment's and
 * the steps' *input* types, the handler their *output* types, both from one object: rename a field and both
 * stop compiling. An error that a step can end with is named here or cannot be caught by name.
 */
import type * as z from 'zod/mini';

type Schema = z.core.$ZodType;

/**
 * What to do about an error: `retry` repeats the step after a pause, `final` would only fail again. A `refusal` is no failure of
 * the function: what was asked for is wrong, or comes at the wrong time. It is an answer, which the machine reads.
 */
export type Retryability = 'retry' | 'final' | 'refusal';

export interface StepContract {
  readonly input: Schema;
  readonly output: Schema;
  /** By the `name` of the error, as the handler throws it. */
  readonly errors: Readonly<Record<string, Retryability>>;
}

/** One deployed function and the steps it serves; an event is `{ step, ...input }`. */
export interface FunctionContract {
  /** The folder in lambdas/, and a part of the function's name. */
  readonly name: string;
  readonly purpose: string;
  /** What is lost while this function fails: the sentence of its alarm. */
  readonly errorImpact: string;
  /** The page that says what to do then. */
  readonly runbook: `docs/runbooks/${string}.md`;
  readonly timeoutSeconds: number;
  readonly environment: Schema;
  readonly steps: Readonly<Record<string, StepContract>>;
}

export type EnvironmentIn<C extends FunctionContract> = z.core.input<C['environment']>;
export type EnvironmentOut<C extends FunctionContract> = z.core.output<C['environment']>;
export type StepName<C extends FunctionContract> = keyof C['steps'] & string;
export type StepInput<S extends StepContract> = z.core.input<S['input']>;
export type StepOutput<S extends StepContract> = z.core.output<S['output']>;
type ErrorOf<S extends StepContract, Kind extends Retryability> = {
  readonly [E in keyof S['errors']]: S['errors'][E] extends Kind ? E : never;
}[keyof S['errors']] & string;
export type StepError<S extends StepContract> = ErrorOf<S, 'retry' | 'final'>;
export type StepRefusal<S extends StepContract> = ErrorOf<S, 'refusal'>;

/** What a handler implements: one function for each step of its contract. */
export type Implementation<C extends FunctionContract> = {
  readonly [N in StepName<C>]: (input: z.core.output<C['steps'][N]['input']>) => Promise<z.core.input<C['steps'][N]['output']>>;
};

/** What a step answers instead of its output. */
export interface Refusal {
  readonly refusal: { readonly name: string; readonly message: string };
}

/** The answer that an error of this step is; none, when it is a failure. */
export function refusalIn({ errors }: StepContract, error: unknown): Refusal | undefined {
  const { name, message } = error as Error;
  return errors[name] === 'refusal' ? { refusal: { name, message } } : undefined;
}

/** Keeps the literal names of steps and errors, which the types above are made of. */
export function functionContract<const C extends FunctionContract>(contract: C): C {
  return contract;
}
