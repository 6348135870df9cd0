/**
 * The function that rotates what opens the database and Redis. Secrets Manager calls the four steps, a schedule the upkeep, the deployment makes the roles; a
 * person may call the upkeep too, with less patience (docs/runbooks/credentials.md).
 */
import * as z from 'zod/mini';
import { functionContract } from './step.ts';

const seconds = z.int().check(z.gte(0), z.lte(2_592_000));
/** Secrets Manager's own fields, in the way of every step here. */
const rotation = {
  input: z.object({ secretId: z.string(), token: z.string() }),
  output: z.object({}),
  errors: {
    NotPendingError: 'final', UnknownCredentialError: 'final', DatabaseNotWrittenError: 'retry', CredentialRefusedError: 'retry', LoginRefusedError: 'retry',
    CacheBusyError: 'retry',
  },
} as const;
const answer = z.enum(['yes', 'no']);

export const credentialRotation = functionContract({
  name: 'credential-rotation',
  purpose: 'Rotates the logins of the database and the token of Redis, and finishes what a rotation left half-done',
  errorImpact: 'A login of the database or the token of Redis is not rotated; what is in use goes on to work.',
  runbook: 'docs/runbooks/credentials.md',
  /** ElastiCache takes minutes to take another token. */
  timeoutSeconds: 600,
  environment: z.object({
    BATON_ENVIRONMENT: z.string(),
    /** Where this function runs. */
    BATON_REGION: z.string(),
    BATON_ROTATE_DAYS: z.string().check(z.regex(/^\d+$/)),
    /** As Secrets Manager writes it, `cron(…)`; and for how long after that a rotation may begin. */
    BATON_ROTATION_SCHEDULE: z.string(),
    BATON_ROTATION_WINDOW: z.string(),
    /** Of this function: what a promoted secret is rotated by. */
    BATON_ROTATION_FUNCTION: z.string(),
    BATON_DATABASE_HOST: z.string(),
    BATON_DATABASE_PORT: z.string(),
    BATON_DATABASE_NAME: z.string(),
    BATON_REDIS_HOST: z.string(),
    BATON_REDIS_PORT: z.string(),
    BATON_CACHE_GROUP: z.string(),
    /** Where the authorities are that sign RDS's certificates; Node reads it at its start. */
    NODE_EXTRA_CA_CERTS: z.string(),
  }),
  steps: {
    createSecret: rotation,
    setSecret: rotation,
    testSecret: rotation,
    finishSecret: rotation,
    /** Roles and the logins that their secrets have, before anybody needs them. Where the database is not written nothing is done. */
    ensureRoles: {
      input: z.object({}),
      output: z.object({ seen: z.string() }),
      errors: { LoginRefusedError: 'retry', CredentialRefusedError: 'retry' },
    },
    upkeep: {
      input: z.object({
        /** A rotation that is not done for so long has died, and is finished. */
        unfinishedSeconds: seconds,
        /** So long everybody has to read the new token of Redis; then the old one is refused. */
        retireSeconds: seconds,
      }),
      output: z.object({
        /** What is counted is that all was well, and its absence is an alarm: see lib/data-credentials/upkeep.ts. */
        finished: answer, rotating: answer, accepted: answer, recent: answer, retired: answer,
        done: z.array(z.string()),
        faults: z.array(z.string()),
      }),
      errors: {},
    },
  },
});
