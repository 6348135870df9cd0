/** What the environment burns, measured every hour: AWS's own figures are 8 to 12 hours old. */
import * as z from 'zod/mini';
import { functionContract } from './step.ts';

export const costBurn = functionContract({
  name: 'cost-burn',
  purpose: 'Estimates what the environment costs an hour, from what is deployed and what runs now',
  errorImpact: "Nobody sees what the environment burns until AWS's own figures come, half a day later.",
  runbook: 'docs/runbooks/cost.md',
  timeoutSeconds: 60,
  environment: z.object({
    /** `<region>/<stack>`, comma-separated: whose templates are priced. */
    BATON_STACKS: z.string(),
    /** The cluster, of the same name in each Region, and its services, comma-separated. */
    BATON_CLUSTER: z.string(),
    BATON_SERVICES: z.string(),
  }),
  steps: {
    measure: {
      input: z.object({}),
      output: z.object({
        /** Counted as a metric by the line of the log that this is in. */
        usdPerHour: z.number(),
        usdPerMonth: z.number(),
        /** By `<region>/<service>`. */
        tasks: z.record(z.string(), z.number()),
        /** Regions that did not answer: what they cost is not in the figures. */
        unseen: z.array(z.string()),
        /** What costs and is not in the figures, for want of a price. */
        unpriced: z.array(z.string()),
      }),
      errors: {},
    },
  },
});
