/**
 * The function that alone has the management key of a book's sub-account: Secrets Manager's four steps, the revocation, and what the
 * watch asks. One function serves all of them, and one call at a time: two that make and delete keys side by side would each take the
 * other's new key for an orphan.
 */
import * as z from 'zod/mini';
import { functionContract } from './step.ts';

/** What Secrets Manager sends (User Guide, "Lambda rotation functions"). */
export const RotationEvent = z.looseObject({
  Step: z.enum(['createSecret', 'setSecret', 'testSecret', 'finishSecret']),
  SecretId: z.string(),
  /** The version that is being made: what everything of this rotation is named after. */
  ClientRequestToken: z.string(),
});
export type RotationEvent = z.infer<typeof RotationEvent>;

/** The version of the secret that the key is made for. */
const version = z.string().check(z.regex(/^[A-Za-z0-9-]{32,64}$/, 'an id of a version, 32 to 64 letters, digits and hyphens'));

/** That every task on the roster had a request accepted with this version. What the revocation is given, and looks at again. */
export const KeyProof = z.object({
  version,
  provedBy: z.array(z.string()).check(z.minLength(1)),
  provedAt: z.iso.datetime(),
});
export type KeyProof = z.infer<typeof KeyProof>;

/** To delete the old key without the grace, in an emergency, is a person's decision. */
export const WithoutGrace = z.object({ reason: z.string().check(z.minLength(3)), approvedBy: z.string().check(z.minLength(1)) });

export const Revocation = z.object({
  proof: KeyProof,
  /** When the scheduler says that it is; by the function's own clock when nobody says. */
  at: z.optional(z.iso.datetime({ offset: true })),
  withoutGrace: z.optional(WithoutGrace),
});
export type Revocation = z.infer<typeof Revocation>;

/** Keys by their names at the venue: what signs is in no answer, nor its public half. */
const names = z.array(z.string());
const stepOutput = z.object({ version, name: z.string() });

const venueErrors = {
  VenueUnclearError: 'retry', VenueRefusedError: 'final', ManagementKeyRefusedError: 'final', LeaseUnreachableError: 'retry', NotHomeError: 'final',
} as const;
const pendingErrors = { NoPendingVersionError: 'final', ...venueErrors } as const;

/** What the watch sees of a book's key; times are UTC. */
export const KeysSeen = z.object({
  book: z.string(),
  venue: z.string(),
  createsKeys: z.boolean(),
  /** Whether this Region may change anything: it is the book's home and has the secret itself, not a replica. */
  rotatesHere: z.boolean(),
  isPrimary: z.boolean(),
  rotationEnabled: z.boolean(),
  current: z.object({ version: z.string(), name: z.string(), createdAt: z.nullable(z.string()), expiresAt: z.nullable(z.string()) }),
  /** A version that was begun and not promoted. */
  pending: z.nullable(z.object({ version: z.string(), since: z.nullable(z.string()) })),
  /** Tasks on the roster, and those of them that have not proved the current version. */
  tasks: z.int(),
  unprovedBy: z.array(z.string()),
  /** Keys that were replaced and are still at the venue. */
  retiring: names,
  /** When the revocation of those is due; null when nobody has scheduled it. */
  revocationAt: z.nullable(z.string()),
  /** Keys of ours that no version has. */
  orphans: names,
  /** What is wrong with the current key by the policy: it may move money, or is bound to other addresses. */
  faults: z.array(z.string()),
});
export type KeysSeen = z.infer<typeof KeysSeen>;

export const keyRotation = functionContract({
  name: 'key-rotation',
  purpose: "Makes, proves, promotes and revokes the venue's keys of one book",
  errorImpact: 'A new exchange key is not made, or an old one not revoked; the present key goes on trading until the venue lets it lapse.',
  runbook: 'docs/runbooks/exchange-keys.md',
  /** A forgetful venue has half a minute, the roster's proof a minute and a half. */
  timeoutSeconds: 240,
  environment: z.object({
    BATON_ENVIRONMENT: z.string(),
    BATON_BOOK: z.string(),
    BATON_VENUE: z.enum(['bybit', 'binance', 'okx', 'deribit', 'kucoin', 'gate', 'kraken']),
    BATON_VENUE_URL: z.url(),
    BATON_SYMBOL: z.string(),
    BATON_REGION: z.string(),
    BATON_LEASE_TABLE: z.string(),
    /** Of the key that trades, and of the one that makes keys: by name, which is the same in both Regions. */
    BATON_VENUE_SECRET: z.string(),
    BATON_MANAGEMENT_SECRET: z.string(),
    /**
     * Comma-separated names of parameters of this Region, one for each Region: the fixed addresses from where it speaks to the venue,
     * comma-separated. A template knows those of its own Region only; the watch keeps a copy of the other's, for when that is gone.
     * A key that would be bound to one Region's alone is not made.
     */
    BATON_ADDRESS_PARAMETERS: z.string(),
    /** How long the old key lives on after everybody has proved the new one. */
    BATON_GRACE_HOURS: z.string().check(z.regex(/^\d+$/, 'a whole number')),
    /** How long nobody may have signed with the old key before it is deleted. */
    BATON_UNUSED_SECONDS: z.string().check(z.regex(/^\d+$/, 'a whole number')),
    /** Where the one-shot of the revocation is put, what it invokes, and with which role. */
    BATON_SCHEDULE_GROUP: z.string(),
    BATON_REVOCATION_TARGET: z.string(),
    BATON_REVOCATION_ROLE: z.string(),
    /** Of what the scheduler could not deliver. */
    BATON_REVOCATION_DEAD_LETTERS: z.string(),
  }),
  steps: {
    create: {
      input: z.object({
        version,
        /** By whoever begins a rotation without Secrets Manager, which stages its own versions; takes over from one that is pending. */
        begins: z.optional(z.boolean()),
      }),
      output: stepOutput,
      errors: { KeyLimitError: 'final', KeyMadeByHandError: 'final', ...pendingErrors },
    },
    set: { input: z.object({ version }), output: stepOutput, errors: { KeyRefusedError: 'retry', KeyLostError: 'final', ...pendingErrors } },
    test: {
      input: z.object({ version }),
      output: stepOutput,
      errors: { KeyRefusedError: 'retry', KeyLostError: 'final', PolicyBrokenError: 'final', ...pendingErrors },
    },
    /** Promotes; then waits for the roster's proof and schedules the revocation, within its time. */
    finish: {
      input: z.object({ version }),
      output: z.object({ version, proof: KeyProof, revocationAt: z.nullable(z.string()) }),
      errors: { KeyRefusedError: 'retry', NotProvedYetError: 'retry', ...pendingErrors },
    },
    /** What `finish` does after the promotion, with one look at the roster: for whoever goes on with what it could not end. */
    settle: {
      input: z.object({}),
      output: z.object({
        /** `proved`: and the revocation is scheduled, where there is something to revoke. */
        state: z.enum(['proved', 'waiting']),
        version,
        unprovedBy: z.array(z.string()),
        proof: z.nullable(KeyProof),
        revocationAt: z.nullable(z.string()),
      }),
      errors: venueErrors,
    },
    revoke: {
      input: Revocation,
      output: z.object({
        /** `superseded`: another version is current by now; its own revocation follows. */
        state: z.enum(['revoked', 'superseded']),
        version,
        deleted: names,
      }),
      errors: { GraceNotOverError: 'retry', StillInUseError: 'retry', NotProvedYetError: 'retry', StillAcceptedError: 'retry', KeyRefusedError: 'retry', ...venueErrors },
    },
    /** Deletes keys of ours that no version has. */
    sweep: { input: z.object({}), output: z.object({ deleted: names }), errors: venueErrors },
    inspect: { input: z.object({}), output: KeysSeen, errors: venueErrors },
  },
});
