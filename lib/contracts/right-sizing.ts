/** What is larger than it need be, or used by nobody: found every week, told with what it would save and which setting to change. */
import * as z from 'zod/mini';
import { functionContract } from './step.ts';

export const rightSizing = functionContract({
  name: 'right-sizing',
  purpose: 'Tells what is too large or idle, by what was measured of it in two weeks',
  errorImpact: 'Nobody is told this week what is too large or idle; the figures are in CloudWatch all the same.',
  runbook: 'docs/runbooks/cost.md',
  timeoutSeconds: 60,
  environment: z.object({
    BATON_ENVIRONMENT: z.string(),
    /** Both, comma-separated: each has a database and a cache of the same names. */
    BATON_REGIONS: z.string(),
    BATON_DATABASE: z.string(),
    /** Of the settings: without its prefix. */
    BATON_DATABASE_CLASS: z.string(),
    BATON_CACHE: z.string(),
    BATON_CACHE_NODE_TYPE: z.string(),
    BATON_CACHE_NODES: z.string(),
    BATON_CLUSTER: z.string(),
    /** As JSON: each with the size of its tasks. */
    BATON_BOOKS: z.string(),
    /** Of the first Region, comma-separated. */
    BATON_NAT_GATEWAYS: z.string(),
    /** Of the e-mails. */
    BATON_NOTICES_TOPIC: z.string(),
  }),
  steps: {
    weekly: {
      /** When its schedule came. */
      input: z.object({ at: z.iso.datetime() }),
      output: z.object({
        findings: z.array(z.object({
          /** Such as `tasks of alpha`. */
          what: z.string(),
          verdict: z.enum(['too large', 'fits', 'not measured', 'idle']),
          seen: z.string(),
          /** A month; none where nobody knows a price, or there is nothing to change. */
          savingUsd: z.nullable(z.number()),
          /** Of the settings' file; empty where there is none. */
          change: z.string(),
        })),
      }),
      errors: {},
    },
  },
});
