/**
 * What a check of the preflight is: a question to AWS, and an answer that says what was seen and what to do. A check
 * that AWS does not let us make, or that comes too early, could not be made; that is said, and is no failure.
 */

export type Verdict = 'ok' | 'failed' | 'could not';

export interface Finding {
  readonly verdict: Verdict;
  readonly seen: string;
  /** What a person does about it; absent when there is nothing to do. */
  readonly todo?: string;
}

export interface Check {
  readonly area: string;
  /** What is true when it is ok, as a sentence. */
  readonly name: string;
  readonly run: () => Promise<Finding>;
}

export interface Result extends Finding {
  readonly area: string;
  readonly name: string;
}

export const ok = (seen: string): Finding => ({ verdict: 'ok', seen });
export const failed = (seen: string, todo: string): Finding => ({ verdict: 'failed', seen, todo });
export const couldNot = (seen: string, todo: string): Finding => ({ verdict: 'could not', seen, todo });

/** All at once, in their order. No check ends the others. */
export async function runChecks(checks: readonly Check[]): Promise<readonly Result[]> {
  return Promise.all(
    checks.map(async ({ area, name, run }) => {
      const finding = await run().catch((error: unknown) => asFinding(error as Error));
      return { area, name, ...finding };
    }),
  );
}

/** An error's name and message are AWS's, and hold no secret: no answer with one in it is an error. */
function asFinding({ name, message }: Error): Finding {
  const denied = /AccessDenied|Unauthorized|AuthorizationError/.test(name);
  const todo = denied ? 'Run it again with credentials that may read this.' : 'Run it again; if it stays, look with the AWS CLI.';
  return couldNot(`${name}: ${message}`, todo);
}

/** Whether AWS says that it is not there, in the words of whichever service. */
export function isMissing(error: unknown): boolean {
  const { name = '', message = '' } = error as { name?: string; message?: string };
  return /NotFound|NoSuchResource|ResourceNotFound/.test(name) || (name === 'ValidationError' && message.includes('does not exist'));
}

/** `undefined` instead of the error that says that it is not there. */
export async function unlessMissing<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
