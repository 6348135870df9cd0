/** The watch over one Region: what it says of each look. It runs every minute, and at once when a change at home has ended. */
import * as z from 'zod/mini';
import { functionContract } from './step.ts';

export const regionWatch = functionContract({
  name: 'region-watch',
  purpose: 'Keeps a Region in agreement with the lease: its facts, its database, and the release that its standby runs',
  errorImpact: 'Nobody sees whether this Region agrees with the lease: its standby may be old, and a database that was left may be written.',
  runbook: 'docs/runbooks/standby.md',
  timeoutSeconds: 60,
  environment: z.object({
    BATON_LEASE_TABLE: z.string(),
    /** Comma-separated names of the books of this installation. */
    BATON_BOOKS: z.string(),
    /** Of these, the books whose bot is not ready before its database can be written. */
    BATON_BOOKS_THAT_WRITE: z.string(),
    BATON_ENVIRONMENT: z.string(),
    /** Where this function runs. */
    BATON_REGION: z.string(),
    /** The two Regions, one of which is home: the names of the facts. */
    BATON_REGIONS: z.string(),
    BATON_REFRESH_MACHINE: z.string(),
    /** The database of this Region, and the function that speaks to it. */
    BATON_DATABASE: z.string(),
    BATON_DATABASE_FUNCTION: z.string(),
  }),
  steps: {
    watch: {
      input: z.object({}),
      output: z.object({
        /** Empty while the books have different homes. */
        home: z.string(),
        /** Whether the standby of every book is known to be ready with what is live; `current` is counted, and its absence an alarm. */
        standby: z.enum(['current', 'stale']),
        /** Whether everything could be done; so counted. */
        work: z.enum(['done', 'failed']),
        faults: z.array(z.string()),
        /** What was found different from the lease, and what was done about it. */
        seen: z.array(z.string()),
      }),
      errors: { LeaseUnreachableError: 'retry', LeaseMissingError: 'final' },
    },
  },
});
