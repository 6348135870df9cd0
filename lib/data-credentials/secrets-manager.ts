/** Versions of secrets, by the SDK. */
import {
  DescribeSecretCommand, GetSecretValueCommand, ListSecretVersionIdsCommand, PutSecretValueCommand, ResourceExistsException, ResourceNotFoundException,
  RotateSecretCommand, UpdateSecretVersionStageCommand, type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { Secret } from '../secret.ts';
import type { SecretVersions } from './rotation.ts';
import type { SecretState, Upkeep } from './upkeep.ts';

export function secretVersions(client: SecretsManagerClient): SecretVersions {
  return {
    async stages(secretId) {
      const { VersionIdsToStages = {} } = await client.send(new DescribeSecretCommand({ SecretId: secretId }));
      return new Map(Object.entries(VersionIdsToStages));
    },
    async read(secretId, which) {
      try {
        const { SecretString } = await client.send(
          new GetSecretValueCommand({ SecretId: secretId, ...('stage' in which ? { VersionStage: which.stage } : { VersionId: which.version }) }),
        );
        return SecretString === undefined ? undefined : new Secret(SecretString);
      } catch (error) {
        if (error instanceof ResourceNotFoundException) return undefined;
        throw error;
      }
    },
    async putPending(secretId, token, value) {
      try {
        await client.send(
          new PutSecretValueCommand({ SecretId: secretId, ClientRequestToken: token, SecretString: value.reveal(), VersionStages: ['AWSPENDING'] }),
        );
      } catch (error) {
        // Another call of the same step was first.
        if (!(error instanceof ResourceExistsException)) throw error;
      }
    },
    async promote(secretId, { token, from }) {
      await client.send(
        new UpdateSecretVersionStageCommand({
          SecretId: secretId, VersionStage: 'AWSCURRENT', MoveToVersionId: token, ...(from !== undefined && { RemoveFromVersionId: from }),
        }),
      );
    },
  };
}

/** When secrets are rotated, and by what: UTC, in a window that does not cross midnight. */
export interface RotationRules {
  readonly functionArn: string;
  readonly schedule: string;
  readonly window: string;
}

export function watchedSecrets(client: SecretsManagerClient, region: string, { functionArn, schedule, window }: RotationRules): Pick<Upkeep, 'state' | 'turnOn'> {
  return {
    async state(name): Promise<SecretState> {
      const { PrimaryRegion = region, RotationEnabled = false, CreatedDate: madeAt = new Date(0), LastChangedDate: changedAt = madeAt } = await client.send(new DescribeSecretCommand({ SecretId: name }));
      const { Versions = [] } = await client.send(new ListSecretVersionIdsCommand({ SecretId: name }));
      return {
        isPrimary: PrimaryRegion === region,
        rotates: RotationEnabled,
        changedAt,
        versions: Versions.map(({ VersionId = '', VersionStages = [], CreatedDate = new Date(0) }) => ({
          id: VersionId, stages: VersionStages, createdAt: CreatedDate,
        })),
      };
    },
    async turnOn(name) {
      await client.send(
        new RotateSecretCommand({
          SecretId: name, RotationLambdaARN: functionArn, RotateImmediately: false, RotationRules: { ScheduleExpression: schedule, Duration: window },
        }),
      );
    },
  };
}
