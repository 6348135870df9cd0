/** What is stopped when a month's budget is spent, and what is started again: decided and remembered here, done by the machine. */
import * as z from 'zod/mini';
import { lengths } from './operations.ts';
import { functionContract } from './step.ts';

/** What a person types, and what the notice of a spent budget starts. */
export const BudgetResponseRequest = z.strictObject({
  month: z.string().check(z.regex(/^20\d\d-(0[1-9]|1[0-2])$/, 'a month such as 2026-11')),
  reason: z.string().check(z.minLength(lengths.reason.least), z.maxLength(lengths.reason.most)),
  requestedBy: z.string().check(z.minLength(lengths.requestedBy.least), z.maxLength(lengths.requestedBy.most)),
  /** Starts again what the month's response stopped. */
  undo: z.optional(z.boolean()),
});
export type BudgetResponseRequest = z.infer<typeof BudgetResponseRequest>;

/** One call of ECS's stops or runs each: a cluster with more is stopped by another execution. */
export const tasksMax = 40;

export const budgetControl = functionContract({
  name: 'budget-control',
  purpose: 'Decides what is stopped when a budget is spent, and remembers it for its undo',
  errorImpact: 'Nothing is stopped for money, and nothing that was is started again by the machine. Nothing that trades is concerned.',
  runbook: 'docs/runbooks/cost.md',
  timeoutSeconds: 30,
  environment: z.object({
    BATON_RECORDS_TABLE: z.string(),
    /** Of what does not trade. */
    BATON_RESEARCH_CLUSTER: z.string(),
    BATON_DATABASE: z.string(),
    /** The class that a spent budget leaves the database; absent where it keeps its own. */
    BATON_SPENT_CLASS: z.optional(z.string()),
  }),
  steps: {
    plan: {
      input: z.object({ request: z.unknown() }),
      output: z.object({
        month: z.string(),
        reason: z.string(),
        requestedBy: z.string(),
        undo: z.boolean(),
        /** Tasks to stop, by ARN. */
        stop: z.array(z.string()),
        /** Tasks to run again; ECS knows a repeat by its token. */
        run: z.array(z.object({ of: z.string(), definition: z.string(), overrides: z.unknown(), token: z.string() })),
        /** What the database is to become; the empty text where it is that already. */
        databaseClass: z.string(),
      }),
      errors: { RequestRefusedError: 'refusal' },
    },
    note: {
      input: z.object({ month: z.string(), undo: z.boolean() }),
      output: z.object({}),
      errors: {},
    },
  },
});
