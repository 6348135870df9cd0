/**
 * A secret that both Regions know by one name. The first Region declares it, with a replica under the other's own key; the
 * second refers to the replica by name. That is for ever, wherever home is: declared anew, a secret would lose its value.
 */
import { Stack } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { Settings } from '../settings/index.ts';

export interface ReplicatedSecretProps extends Omit<secretsmanager.SecretProps, 'encryptionKey' | 'replicaRegions'> {
  readonly settings: Settings;
  readonly secretName: string;
  readonly key: kms.IKey;
  /** By which the key of either Region is known, `alias/…`: the other's ARN would be a reference across Regions. */
  readonly keyAlias: string;
}

export function replicatedSecret(scope: Construct, id: string, props: ReplicatedSecretProps): secretsmanager.ISecret {
  const { settings, key, keyAlias, ...own } = props;
  const { first, second } = settings.regions;
  if (Stack.of(scope).region !== first.name) return secretsmanager.Secret.fromSecretNameV2(scope, id, own.secretName);
  const secret = new secretsmanager.Secret(scope, id, { ...own, encryptionKey: key });
  (secret.node.defaultChild as secretsmanager.CfnSecret).replicaRegions = [{ region: second.name, kmsKeyId: keyAlias }];
  return secret as secretsmanager.ISecret;
}

/** As policies name it: Secrets Manager ends each ARN with six characters of its own, which one known by name does not tell. */
export function arnInPolicies(secret: secretsmanager.ISecret): string {
  return secret.secretFullArn ?? `${secret.secretArn}-??????`;
}
