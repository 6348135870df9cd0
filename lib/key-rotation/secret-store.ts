/** One secret with its staged versions, in Secrets Manager; each version is one key, as JSON. */
import {
  DescribeSecretCommand, GetSecretValueCommand, PutSecretValueCommand, ResourceExistsException, ResourceNotFoundException, UpdateSecretVersionStageCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import * as z from 'zod/mini';
import { Secret } from '../secret.ts';
import type { ManagementKey } from '../venues/keys/ccxt-keys.ts';
import type { KeySecret, StoredKey } from './ports.ts';

/** A person puts in no more than what signs. */
const Stored = z.object({
  apiKey: z.string(),
  secret: z.string(),
  passphrase: z.optional(z.string()),
  name: z.optional(z.string()),
  createdAt: z.optional(z.string()),
  expiresAt: z.optional(z.string()),
  retires: z.optional(z.array(z.object({ apiKey: z.string(), name: z.string(), version: z.string() }))),
});
const Management = z.object({ ...Stored.shape, subAccount: z.string() });

export function keySecret(client: SecretsManagerClient, secretId: string, region: string): KeySecret {
  const move = async (stage: string, to: string | undefined, from: string): Promise<void> => {
    await client.send(new UpdateSecretVersionStageCommand({
      SecretId: secretId, VersionStage: stage, RemoveFromVersionId: from, ...(to !== undefined && { MoveToVersionId: to }),
    }));
  };
  return {
    async see() {
      const { VersionIdsToStages = {}, RotationEnabled = false, PrimaryRegion = region } = await client.send(new DescribeSecretCommand({ SecretId: secretId }));
      const staged = (stage: string): string | undefined => Object.entries(VersionIdsToStages).find(([, stages]) => stages.includes(stage))?.[0];
      const [current, pending, previous] = [staged('AWSCURRENT'), staged('AWSPENDING'), staged('AWSPREVIOUS')];
      if (current === undefined) throw new Error(`the secret ${secretId} has no current version: put the key in, as docs/deploy.md says`);
      return {
        isPrimary: PrimaryRegion === region,
        rotationEnabled: RotationEnabled,
        current,
        ...(pending !== undefined && pending !== current && { pending }),
        ...(previous !== undefined && { previous }),
      };
    },
    async read(version) {
      try {
        const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId: secretId, VersionId: version }));
        const found = parsed(Stored, SecretString);
        if (found === undefined) return undefined;
        const { apiKey, secret, passphrase, name = '', createdAt, expiresAt, retires = [] } = found;
        return {
          apiKey, name, retires, secret: new Secret(secret), ...(passphrase !== undefined && { passphrase: new Secret(passphrase) }),
          ...(createdAt !== undefined && { createdAt }), ...(expiresAt !== undefined && { expiresAt }),
        };
      } catch (error) {
        if (error instanceof ResourceNotFoundException) return undefined;
        throw error;
      }
    },
    async storePending(version, key) {
      try {
        await client.send(new PutSecretValueCommand({ SecretId: secretId, ClientRequestToken: version, SecretString: text(key), VersionStages: ['AWSPENDING'] }));
      } catch (error) {
        // The version has another value already: another attempt's, which stays.
        if (!(error instanceof ResourceExistsException)) throw error;
      }
    },
    promote: (version, insteadOf) => move('AWSCURRENT', version, insteadOf),
    dropPending: (version) => move('AWSPENDING', undefined, version),
  };
}

export async function readManagementKey(client: SecretsManagerClient, secretId: string): Promise<ManagementKey> {
  const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId: secretId }));
  const found = parsed(Management, SecretString);
  if (found === undefined) {
    throw new Error(`the secret ${secretId} has no apiKey, secret and subAccount: a person puts them there, as docs/runbooks/exchange-keys.md says`);
  }
  const { apiKey, secret, passphrase, subAccount } = found;
  return { apiKey, subAccount, secret: new Secret(secret), ...(passphrase !== undefined && { passphrase: new Secret(passphrase) }) };
}

/** The one place where a secret becomes text: what Secrets Manager is given. */
function text({ secret, passphrase, ...rest }: StoredKey): string {
  return JSON.stringify({ ...rest, secret: secret.reveal(), ...(passphrase && { passphrase: passphrase.reveal() }) });
}

/** Undefined for what is no such key; what it is instead is said nowhere, for it is a secret still. */
function parsed<S extends z.core.$ZodType>(schema: S, value: string): z.core.output<S> | undefined {
  try {
    return z.parse(schema, JSON.parse(value));
  } catch {
    return undefined;
  }
}
