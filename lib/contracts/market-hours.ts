/** Whether markets are open, looked at twice an hour: what follows them and cannot trade is stopped and started. */
import * as z from 'zod/mini';
import { functionContract } from './step.ts';

export const marketHours = functionContract({
  name: 'market-hours',
  purpose: 'Has what follows a market stopped when it closes and started before it opens',
  errorImpact: 'What follows a market and cannot trade goes on at night, or is not there when the market opens. Nothing that trades is concerned.',
  runbook: 'docs/runbooks/cost.md',
  timeoutSeconds: 30,
  environment: z.object({ BATON_RESPONSE_MACHINE: z.string() }),
  steps: {
    look: {
      /** When its schedule came, however late that is delivered. */
      input: z.object({ at: z.iso.datetime() }),
      /** By market: the execution that is to have been started, once for each closing and each opening. */
      output: z.record(z.string(), z.string()),
      errors: {},
    },
  },
});
