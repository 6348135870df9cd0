/** The watch over the exchange keys: what it says of each look. It runs every hour in each Region, and acts where the books are at home. */
import * as z from 'zod/mini';
import { functionContract } from './step.ts';

/** The ways in which a key can stay half-done, each an alarm of its own: `yes` is counted. */
export const keyTroubles = ['unrotated', 'unfinished', 'unproved', 'unrevoked', 'orphaned', 'broken', 'lapsing'] as const;
export type KeyTrouble = (typeof keyTroubles)[number];

const yesOrNo = z.enum(['yes', 'no']);
const whole = z.string().check(z.regex(/^\d+$/, 'a whole number'));

export const keyWatch = functionContract({
  name: 'key-watch',
  purpose: 'Looks at the exchange keys every hour: finishes what a rotation has left, lets secrets rotate where they are written, warns before a key lapses',
  errorImpact: 'Nobody sees whether an exchange key lapses, or a rotation stays half-done.',
  runbook: 'docs/runbooks/exchange-keys.md',
  /** Lambda's longest: it may go through all the steps of a rotation. */
  timeoutSeconds: 900,
  environment: z.object({
    BATON_ENVIRONMENT: z.string(),
    /** Comma-separated names of the books of this installation. */
    BATON_BOOKS: z.string(),
    /** Where this function runs, and the other one of the two. */
    BATON_REGION: z.string(),
    BATON_OTHER_REGION: z.string(),
    /** The ARN of a book's key function, with a `*` where the book stands. */
    BATON_KEY_FUNCTIONS: z.string(),
    BATON_ROTATE_DAYS: whole,
    BATON_GRACE_HOURS: whole,
    /** Comma-separated: people are told once when a key has so many days left. */
    BATON_WARN_DAYS: z.string().check(z.regex(/^\d+(,\d+)*$/, 'whole numbers, comma-separated')),
    BATON_TOPIC: z.string(),
  }),
  steps: {
    watch: {
      input: z.object({}),
      output: z.object({
        /** No rotation is configured where the secret is written, or one is long due. */
        unrotated: yesOrNo,
        /** A rotation was begun, and could not be finished. */
        unfinished: yesOrNo,
        /** A task does not use the current key. */
        unproved: yesOrNo,
        /** An old key lives on after its grace. */
        unrevoked: yesOrNo,
        /** Keys of ours that nothing has could not be deleted. */
        orphaned: yesOrNo,
        /** A key may do more, or from elsewhere, than the policy says. */
        broken: yesOrNo,
        lapsing: yesOrNo,
        /** Whether all could be looked at; counted, and its absence an alarm. */
        work: z.enum(['done', 'failed']),
        faults: z.array(z.string()),
        /** What was found, and what was done about it. */
        seen: z.array(z.string()),
      }),
      errors: { NothingSeenError: 'final' },
    },
  },
});
