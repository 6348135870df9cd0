/** credential-rotation: rotates what opens the database and Redis. Contract: lib/contracts/credential-rotation.ts. */
import { randomBytes, randomInt } from 'node:crypto';
import { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { ClientBase } from 'pg';
import { credentialRotation } from '../../lib/contracts/credential-rotation.ts';
import { CustomResourceRequest, type CustomResourceAnswer } from '../../lib/contracts/custom-resource.ts';
import { RotationEvent } from '../../lib/contracts/key-rotation.ts';
import { cacheOf } from '../../lib/data-credentials/redis.ts';
import { masterSecretName } from '../../lib/data-credentials/roles.ts';
import { secretVersions, watchedSecrets } from '../../lib/data-credentials/secrets-manager.ts';
import { credentialSteps } from '../../lib/data-credentials/steps.ts';
import { connectToDatabase, LoginRefusedError, type DatabaseLogin, type LoginSource } from '../../lib/database-client.ts';
import { StoredLogin } from '../../lib/stored-login.ts';
import { answerCloudFormation } from '../custom-resource.ts';
import { serve } from '../serve.ts';

const secrets = new SecretsManagerClient({});
const caches = new ElastiCacheClient({});
/** Nobody waits for it, and a deployment that fails on a database which is slow to answer is taken back as a whole. */
const connectTimeoutMs = 30_000;
const queryTimeoutMs = 15_000;
/** ElastiCache takes minutes; the rest of the function's ten is for the steps beside it. */
const availableWithinMs = 480_000;
const lookEveryMs = 2000;
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const drawn = (length: number): string => Array.from({ length }, () => letters[randomInt(letters.length)]).join('');

const steps = serve(credentialRotation, process.env, (environment) => {
  const connected = async <Answer>(source: LoginSource, use: (client: ClientBase) => Promise<Answer>): Promise<Answer> => {
    const client = await connectToDatabase(environment, source, {
      connectionTimeoutMillis: connectTimeoutMs, query_timeout: queryTimeoutMs, application_name: 'baton-credentials',
    });
    try {
      return await use(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const master = new StoredLogin(secrets, masterSecretName(environment.BATON_ENVIRONMENT));
  return credentialSteps({
    environment: environment.BATON_ENVIRONMENT,
    versions: secretVersions(secrets),
    ...watchedSecrets(secrets, environment.BATON_REGION, {
      functionArn: environment.BATON_ROTATION_FUNCTION, schedule: environment.BATON_ROTATION_SCHEDULE, window: environment.BATON_ROTATION_WINDOW,
    }),
    database: {
      asMaster: (use) => connected(master, use),
      as: (login, use) => connected(only(login), use).catch(unlessRefused),
      newPassword: () => drawn(40),
      newSalt: () => randomBytes(16),
    },
    cache: cacheOf({
      client: caches, groupId: environment.BATON_CACHE_GROUP, availableWithinMs, lookEveryMs, newToken: () => drawn(64),
      address: { host: environment.BATON_REDIS_HOST, port: Number(environment.BATON_REDIS_PORT) },
    }),
    now: () => new Date(),
    rotateDays: Number(environment.BATON_ROTATE_DAYS),
  });
});

/** Secrets Manager calls in its own words, CloudFormation in others; a schedule and people in ours. */
export const handler = async (event: unknown): Promise<unknown> => {
  const rotation = RotationEvent.safeParse(event);
  if (rotation.success) {
    const { Step: step, SecretId: secretId, ClientRequestToken: token } = rotation.data;
    return steps({ step, secretId, token });
  }
  const request = CustomResourceRequest.safeParse(event);
  if (!request.success) return steps(event);
  const answer = { PhysicalResourceId: request.data.PhysicalResourceId ?? 'database-roles' };
  // Users outlive the stack, as the database does.
  const made = request.data.RequestType === 'Delete' ? Promise.resolve({ seen: 'the roles are kept' }) : (steps({ step: 'ensureRoles' }) as Promise<{ seen: string }>);
  await answerCloudFormation(
    request.data,
    await made.then(
      ({ seen }): CustomResourceAnswer => ({ ...answer, Status: 'SUCCESS', Reason: seen }),
      (error: Error): CustomResourceAnswer => ({ ...answer, Status: 'FAILED', Reason: error.message }),
    ),
  );
  return undefined;
};

function only(login: DatabaseLogin): LoginSource {
  return {
    async *logins() {
      yield login;
    },
  };
}

function unlessRefused(error: unknown): undefined {
  if (!(error instanceof LoginRefusedError)) throw error;
}
