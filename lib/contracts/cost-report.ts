/** What a month cost and who spent it, as a page: once a month, when AWS has all of its figures. */
import * as z from 'zod/mini';
import { functionContract } from './step.ts';

export const costReport = functionContract({
  name: 'cost-report',
  purpose: 'Writes what a month cost, by service and tag, as a page',
  errorImpact: 'Nobody is shown what the month cost; the figures are in Cost Explorer all the same.',
  runbook: 'docs/runbooks/cost.md',
  timeoutSeconds: 120,
  environment: z.object({
    BATON_ENVIRONMENT: z.string(),
    BATON_REPORTS_BUCKET: z.string(),
    /** Of the e-mails. */
    BATON_NOTICES_TOPIC: z.string(),
    /** The keys of the tags that a bill is split by, comma-separated. */
    BATON_TAGS: z.string(),
  }),
  steps: {
    showback: {
      input: z.object({
        /** yyyy-mm; the month that was over last when not said. */
        month: z.optional(z.string().check(z.regex(/^20\d\d-(0[1-9]|1[0-2])$/, 'a month such as 2026-11'))),
      }),
      output: z.object({ month: z.string(), totalUsd: z.number(), report: z.string() }),
      errors: { NoFiguresError: 'final' },
    },
  },
});
