/**
 * What is stopped when a month's budget is spent or a market is closed, and what is started again: decided and remembered here, done by
 * the machine.
 */
import * as z from 'zod/mini';
import { MarketCalendar } from './change.ts';
import { lengths } from './operations.ts';
import { functionContract } from './step.ts';

/** What a person types, what the notice of a spent budget starts, and what market hours do. */
export const BudgetResponseRequest = z
  .strictObject({
    month: z.optional(z.string().check(z.regex(/^20\d\d-(0[1-9]|1[0-2])$/, 'a month such as 2026-11'))),
    market: z.optional(MarketCalendar),
    reason: z.string().check(z.minLength(lengths.reason.least), z.maxLength(lengths.reason.most)),
    requestedBy: z.string().check(z.minLength(lengths.requestedBy.least), z.maxLength(lengths.requestedBy.most)),
    /** Starts again what was stopped for it, unless something else holds it still. */
    undo: z.optional(z.boolean()),
  })
  .check(z.refine(({ month, market }) => (month === undefined) !== (market === undefined), 'either the month of a budget, or a market'));
export type BudgetResponseRequest = z.infer<typeof BudgetResponseRequest>;

/** One call of ECS's stops or runs each: a cluster with more is stopped by another execution. */
export const tasksMax = 40;

export const budgetControl = functionContract({
  name: 'budget-control',
  purpose: 'Decides what is stopped when a budget is spent or a market closed, and remembers it for its undo',
  errorImpact: 'Nothing is stopped for money, and nothing that was is started again by the machine. Nothing that trades is concerned.',
  runbook: 'docs/runbooks/cost.md',
  timeoutSeconds: 30,
  environment: z.object({
    BATON_RECORDS_TABLE: z.string(),
    /** Of what does not trade. */
    BATON_RESEARCH_CLUSTER: z.string(),
    BATON_DATABASE: z.string(),
    /** The class that the database has meanwhile; absent where it keeps its own. */
    BATON_SPENT_CLASS: z.optional(z.string()),
    /** The market with which the database gets that class too; absent where it does not. */
    BATON_DATABASE_MARKET: z.optional(MarketCalendar),
  }),
  steps: {
    plan: {
      input: z.object({ request: z.unknown() }),
      output: z.object({
        /** Why something is stopped: a month, or the name of a market. */
        cause: z.string(),
        /** The same as a sentence. */
        because: z.string(),
        reason: z.string(),
        requestedBy: z.string(),
        undo: z.boolean(),
        /** Whether people hear of it: a market closes every day. */
        tell: z.boolean(),
        /** Tasks to stop, by ARN. */
        stop: z.array(z.string()),
        /** Tasks to run again; ECS knows a repeat by its token. */
        run: z.array(z.object({ of: z.string(), definition: z.string(), overrides: z.unknown(), token: z.string() })),
        /** What the database is to become; the empty text where it is that already. */
        databaseClass: z.string(),
      }),
      errors: { RequestRefusedError: 'refusal', RecordChangedError: 'retry' },
    },
    note: {
      /** What runs again, by the ARN that it had. */
      input: z.object({ undo: z.boolean(), started: z.array(z.string()) }),
      output: z.object({}),
      errors: { RecordChangedError: 'retry' },
    },
  },
});
