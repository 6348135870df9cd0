/**
 * The automatic mode: the standby Region takes over by itself. Off by default; where it is on, a schedule asks this function every minute.
 */
import * as z from 'zod/mini';
import { functionContract } from './step.ts';

const whole = z.string().check(z.regex(/^\d+$/, 'a whole number'));

export const failoverWatch = functionContract({
  name: 'failover-watch',
  purpose: 'Starts the failover by itself, when the leases are silent for long and two more sides say that the home Region is lost',
  errorImpact: 'The home Region may be lost and nobody takes over by itself: look now, and start the failover if it is.',
  runbook: 'docs/runbooks/failover.md',
  // Most looks take three seconds; one that finds silence stays with it.
  timeoutSeconds: 720,
  environment: z.object({
    BATON_ENVIRONMENT: z.string(),
    BATON_LEASE_TABLE: z.string(),
    BATON_JOURNAL_TABLE: z.string(),
    BATON_BOOKS: z.string(),
    /** Of this Region. */
    BATON_FAILOVER_MACHINE: z.string(),
    BATON_SILENT_LEASES: whole,
    BATON_HOLD_DOWN_MINUTES: whole,
    /** Set by the platform. */
    AWS_REGION: z.optional(z.string()),
  }),
  steps: {
    look: {
      input: z.object({}),
      output: z.object({
        result: z.enum(['home-here', 'home-lives', 'started']),
        /** For people. */
        seen: z.string(),
      }),
      errors: { LeaseUnreachableError: 'retry', LeaseMissingError: 'final', HeldDownError: 'final' },
    },
  },
});
