/**
 * The variables that every machine keeps under the same names, so that a block reads what another one wrote:
 * `$request`, `$book` (its resources), `$plan` (token, colours, epoch), `$why`, `$steps`.
 */
import { js, quoted, type Jsonata } from '../workflow.ts';

/** So many accepted orders are no accident. */
export const acceptedOrdersToProve = 3;
export const pollSeconds = 1;
/** Slower where nobody waits for the second: an execution has room for 25,000 events. */
export const slowPollSeconds = 15;

export const book = js('$request.book');
export const token = js('$plan.token');
export const incoming = js('$plan.incoming');
export const outgoing = js('$plan.outgoing');
/** What every step names after the book was taken. */
export const fresh = { book, token };

/** Empty text, in the form that every validator of the language takes. */
export const nothing = js("''");

/** Stable over every repeat of the execution, and short enough for a client token. */
export const executionHash = "$substring($hash($states.context.Execution.Id, 'SHA-256'), 0, 32)";

/** One more line of the report. */
export function noted(what: string): { readonly steps: Jsonata } {
  return { steps: js(`$append($steps, [{ 'what': ${quoted(what)}, 'at': $now() }])`) };
}

/**
 * The same with what the step was given and what it took, in seconds. It counts from the end of the one before: `$stepSince`, in ms.
 * A branch keeps lists and times of its own.
 */
export function timed(what: string, budgetSeconds: number, { list = 'steps', since = 'stepSince' } = {}): Readonly<Record<string, Jsonata>> {
  const line = `{ 'what': ${quoted(what)}, 'at': $now(), 'budgetSeconds': ${budgetSeconds}, 'actualSeconds': ($toMillis($now()) - $${since}) / 1000 }`;
  return { [list]: js(`$append($${list}, [${line}])`), [since]: js('$toMillis($now())') };
}

/**
 * A parameter of a call that must not be made by a redriven execution. What stopped one has released the book, and ECS and
 * SSM know no token: a redrive that comes when another cutover is done would undo that one's work.
 */
export function unlessRedriven(
  parameter: string, refusal = 'This execution was redriven after it had taken the book: it changes nothing more. Start a new one.',
): Jsonata {
  return js(`$states.context.Execution.RedriveCount = $redrives ? ${parameter} : $error(${quoted(refusal)})`);
}

/** An expression without its delimiters, to stand inside another. */
export function bare(expression: Jsonata): string {
  return expression.slice(2, -2).trim();
}
