/**
 * The last net: what EventBridge says when an execution of a machine failed, timed out or was aborted, and the
 * function that then gives back whatever the execution still has. The event comes as EventBridge writes it.
 */
import * as z from 'zod/mini';
import { functionContract } from './step.ts';

/** What is read of a `Step Functions Execution Status Change`. */
export const ExecutionEnded = z.looseObject({
  detail: z.looseObject({
    executionArn: z.string(),
    status: z.string(),
    /** JSON text; null when it was too large for an event. */
    input: z.nullish(z.string()),
  }),
});

export const releaseWorkflow = functionContract({
  name: 'release-workflow',
  purpose: 'Ends the drain and gives back the book of an execution that could not do so itself',
  errorImpact: 'A book may stay locked by a dead workflow: no cutover can start until somebody releases it; trading goes on.',
  runbook: 'docs/runbooks/cutover.md',
  timeoutSeconds: 30,
  environment: z.object({ BATON_LEASE_TABLE: z.string(), BATON_TOPIC_ARN: z.string() }),
  steps: {
    release: {
      input: z.object({
        execution: z.string(),
        status: z.string(),
        /** The execution's input, as JSON text. */
        request: z.nullish(z.string()),
      }),
      output: z.object({ result: z.enum(['nothing-held', 'released', 'no-book-named']), drainEnded: z.boolean() }),
      errors: { LeaseUnreachableError: 'retry' },
    },
  },
});
