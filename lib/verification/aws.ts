/** What verifications and drills ask of AWS alike: which backups there are, a password for what was restored, a signature. */
import { type BackupClient, ListRecoveryPointsByBackupVaultCommand } from '@aws-sdk/client-backup';
import { type KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { ModifyDBInstanceCommand, type RDSClient } from '@aws-sdk/client-rds';
import { PutSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Snapshot } from './control-steps.ts';
import type { Sign } from './signed-report.ts';

const algorithm = 'ECDSA_SHA_256';

/**
 * Those of this database that are finished. What was copied here from the other Region names the database of that Region, so it is known by its identifier, which is the
 * same in both. A continuous backup has a recovery point too, and no snapshot: what it can is proved by the restores to a time.
 */
export async function snapshotsIn(backups: BackupClient, vault: string, databaseArn: string): Promise<readonly Snapshot[]> {
  const found: Snapshot[] = [];
  const identifier = databaseArn.slice(databaseArn.indexOf(':db:'));
  let token: string | undefined;
  do {
    const page = await backups.send(
      new ListRecoveryPointsByBackupVaultCommand({ BackupVaultName: vault, ...(token !== undefined && { NextToken: token }) }),
    );
    for (const { RecoveryPointArn: arn = '', ResourceArn: resource = '', Status, CreationDate } of page.RecoveryPoints ?? []) {
      const [, snapshot] = /:snapshot:(.+)$/.exec(arn) ?? [];
      if (snapshot !== undefined && resource.endsWith(identifier) && Status === 'COMPLETED' && CreationDate !== undefined) found.push({ recoveryPointArn: arn, snapshot, createdAt: CreationDate });
    }
    token = page.NextToken;
  } while (token !== undefined);
  return found;
}

/** @param freshSecret what RDS takes as a password, and what nobody had before; called for each text of the secret */
export async function admitWithFreshPassword(
  { databases, secrets }: { readonly databases: RDSClient; readonly secrets: SecretsManagerClient },
  { name, username, secretArn, freshSecret }: { readonly name: string; readonly username: string; readonly secretArn: string; readonly freshSecret: () => string },
): Promise<void> {
  const password = freshSecret();
  // Kept before it is set: a password that nobody knows would open nothing.
  await secrets.send(new PutSecretValueCommand({ SecretId: secretArn, SecretString: JSON.stringify({ username, password, token: freshSecret() }) }));
  await databases.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: name, MasterUserPassword: password, ApplyImmediately: true }));
}

export function signWith(keys: KMSClient, keyArn: string): Sign {
  return async (text) => {
    const { Signature } = await keys.send(new SignCommand({ KeyId: keyArn, Message: Buffer.from(text), MessageType: 'RAW', SigningAlgorithm: algorithm }));
    if (Signature === undefined) throw new Error(`the key ${keyArn} signed nothing`);
    return { signature: Buffer.from(Signature).toString('base64'), keyArn, algorithm };
  };
}
