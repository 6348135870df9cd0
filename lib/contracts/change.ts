/**
 * What stands around a change to what trades: when it may be made, who froze changes, who asked, who approved. What a
 * person types, and what the machine, its functions and the people's own function say to each other.
 */
import * as z from 'zod/mini';
import { Secret } from '../secret.ts';
import { functionContract } from './step.ts';

/** When a market is closed, and a book of it may be cut over. */
export const marketCalendars = ['always', 'cme-futures', 'us-equities'] as const;
export const MarketCalendar = z.enum(marketCalendars);
export type MarketCalendar = z.infer<typeof MarketCalendar>;

const words = (least: number, most: number): z.ZodMiniString<string> =>
  z.string().check(z.minLength(least, `a text of at least ${least} characters`), z.maxLength(most, `a text of at most ${most} characters`));
export const reason = words(3, 500);
export const personName = z.string().check(z.minLength(2, 'the name of a person'), z.maxLength(100, 'at most 100 characters'));

/** What a change means, as its author sees it. */
export const ChangeRecord = z.strictObject({
  /** 1: like a hundred before it. 5: nobody knows. */
  risk: z.int().check(z.gte(1, 'a risk from 1 (routine) to 5 (unknown ground)'), z.lte(5, 'a risk from 1 (routine) to 5 (unknown ground)')),
  costImpactUsdMonthly: z.number().check(z.gte(-1_000_000, 'USD a month'), z.lte(1_000_000, 'USD a month')),
  summary: words(10, 1000),
});
export type ChangeRecord = z.infer<typeof ChangeRecord>;

/** Overrides the deployment window and the freeze; approvals it does not. */
export const Force = z.strictObject({ reason, approvedBy: personName });
export type Force = z.infer<typeof Force>;

/** What the freeze parameter holds, as `aws ssm put-parameter` writes it. */
export const Freeze = z.union([
  z.strictObject({ frozen: z.literal(false), reason: z.optional(z.string()), by: z.optional(z.string()) }),
  z.strictObject({ frozen: z.literal(true), reason, by: personName }),
]);
export type Freeze = z.infer<typeof Freeze>;

/** An IAM identity's proof of itself: what `aws eks get-token` prints. */
export const callerProof = z
  .string()
  .check(z.regex(/^k8s-aws-v1\.[\w-]{100,8000}$/, 'a proof of who you are, as `aws eks get-token` prints it'));

const execution = z.string().check(z.minLength(1));
const images = z.object({ trader: z.string(), guard: z.string() });
/** Nobody else can use one for anything else, but it need not stand in a log either. */
const hiddenProof = z.pipe(z.string().check(z.minLength(1)), z.transform((proof) => new Secret(proof)));
/** Empty where the input has none: a state machine cannot leave a field out. */
const perhapsHiddenProof = z.pipe(z.string(), z.transform((proof) => (proof === '' ? undefined : new Secret(proof))));

export const changeApprovals = functionContract({
  name: 'change-approvals',
  purpose: 'Proves who asks for a change, keeps who approves it, and tells the machine',
  errorImpact: 'No change that needs approvals can go on; whoever holds the lease goes on trading.',
  runbook: 'docs/runbooks/cutover.md',
  timeoutSeconds: 10,
  environment: z.object({
    BATON_ENVIRONMENT: z.string(),
    BATON_ACCOUNT: z.string(),
    BATON_REGION: z.string(),
    BATON_APPROVALS_TABLE: z.string(),
    BATON_APPROVALS_REQUIRED: z.string().check(z.regex(/^\d$/, 'a number')),
    /** Whose bill is looked at, `region/stack`, comma-separated; absent where nobody could approve it. */
    BATON_STACKS: z.optional(z.string()),
  }),
  steps: {
    open: {
      input: z.object({
        execution,
        /** The execution's name, which proofs are bound to. */
        name: z.string(),
        /** Tells this execution from one of the same name, ninety days later. */
        startedAt: z.string(),
        proof: perhapsHiddenProof,
        /** What is approved: these images, on these books. */
        books: z.array(z.string()),
        images,
        /** The execution that this one is a part of, when its approvals are to hold for this one; empty otherwise. */
        within: z.string(),
        /** Asked for even where the environment wants none. */
        least: z.int(),
      }),
      output: z.object({
        /** Still to be asked for. */
        required: z.int(),
        /** The identity that was proved; empty where no approval is asked for. */
        requester: z.string(),
        /** Those that hold already. */
        approvedBy: z.array(z.string()),
        /** For the notice: what the bill is, and ready to paste. */
        commands: z.string(),
      }),
      errors: { IdentityNotProvedError: 'refusal', NotApprovedError: 'refusal', ApprovalsUnreachableError: 'retry' },
    },
    extend: {
      /** The approvals of this execution hold for another book from now on. */
      input: z.object({ execution, book: z.string() }),
      output: z.object({ books: z.array(z.string()) }),
      errors: { ApprovalsUnreachableError: 'retry' },
    },
    look: {
      input: z.object({
        execution,
        /** The time is over: what is not approved now is not approved. */
        last: z.boolean(),
      }),
      output: z.object({
        state: z.enum(['waiting', 'approved', 'rejected', 'expired']),
        approvedBy: z.array(z.string()),
        /** For people: who is missing, or who rejected it and why. */
        seen: z.string(),
      }),
      errors: { ApprovalsUnreachableError: 'retry' },
    },
  },
});

export const decideChange = functionContract({
  name: 'decide-change',
  purpose: 'Takes the word of a person, with a proof of who it is, for or against a change',
  errorImpact: 'Nobody can approve or reject a change; those that wait end as refused.',
  runbook: 'docs/runbooks/cutover.md',
  timeoutSeconds: 10,
  environment: z.object({
    BATON_ENVIRONMENT: z.string(),
    BATON_ACCOUNT: z.string(),
    BATON_REGION: z.string(),
    BATON_APPROVALS_TABLE: z.string(),
    /** Comma-separated: `user/<name>`, `role/<name>`, `permission-set/<name>`. */
    BATON_APPROVERS: z.string(),
    /** Begins the ARN of every execution: what follows is the machine's own name. */
    BATON_EXECUTIONS_ARN: z.string(),
  }),
  steps: {
    decide: {
      input: z.object({
        /** The execution's name; of another machine than the cutover's with that one's before it: `canary/<name>`. */
        execution,
        decision: z.enum(['approve', 'reject']),
        reason: z.optional(z.string()),
        proof: hiddenProof,
      }),
      /** A refusal is an answer and no failure: the alarm is for failures. */
      output: z.object({ accepted: z.boolean(), message: z.string() }),
      errors: { ApprovalsUnreachableError: 'retry' },
    },
  },
});
