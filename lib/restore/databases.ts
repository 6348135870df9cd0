/** The instances of RDS that a restore is about, by the SDK. */
import {
  AddTagsToResourceCommand, DBInstanceAlreadyExistsFault, DescribeDBInstanceAutomatedBackupsCommand, ModifyDBInstanceCommand, RemoveTagsFromResourceCommand,
  RestoreDBInstanceToPointInTimeCommand, type DBInstance, type RDSClient,
} from '@aws-sdk/client-rds';
import { temporaryTags } from '../contracts/backups.ts';
import { databaseApi } from '../switchover/region-apis.ts';
import type { RestoredDatabases } from './steps.ts';

export function restoredDatabases(client: RDSClient): RestoredDatabases {
  const { database } = databaseApi(client);
  return {
    database,
    async window({ DBInstanceIdentifier, DbiResourceId }) {
      const { DBInstanceAutomatedBackups = [] } = await client.send(new DescribeDBInstanceAutomatedBackupsCommand({ DBInstanceIdentifier }));
      // Another instance may have had the name before, and its backups may be kept.
      const own = DBInstanceAutomatedBackups.find((each) => each.DbiResourceId === DbiResourceId);
      const { EarliestTime: earliest, LatestTime: latest } = own?.RestoreWindow ?? {};
      return earliest === undefined || latest === undefined ? undefined : { earliest, latest };
    },
    async restore({ name, like, at, tags }) {
      const groups = like.VpcSecurityGroups?.flatMap(({ VpcSecurityGroupId: id }) => (id === undefined ? [] : [id]));
      try {
        await client.send(
          new RestoreDBInstanceToPointInTimeCommand({
            TargetDBInstanceIdentifier: name, SourceDBInstanceIdentifier: like.DBInstanceIdentifier, RestoreTime: at,
            // What RDS would choose for itself; the rest it takes from the backup.
            DBInstanceClass: like.DBInstanceClass, MultiAZ: like.MultiAZ, DBSubnetGroupName: like.DBSubnetGroup?.DBSubnetGroupName,
            ...(groups !== undefined && groups.length > 0 && { VpcSecurityGroupIds: groups }),
            DBParameterGroupName: like.DBParameterGroups?.[0]?.DBParameterGroupName, CACertificateIdentifier: like.CACertificateIdentifier,
            EnableCloudwatchLogsExports: like.EnabledCloudwatchLogsExports, AutoMinorVersionUpgrade: like.AutoMinorVersionUpgrade, PubliclyAccessible: false,
            // Until it has the name, it can be removed like everything that is temporary.
            DeletionProtection: false,
            Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
          }),
        );
      } catch (error) {
        // An attempt before this one made it.
        if (!(error instanceof DBInstanceAlreadyExistsFault)) throw error;
      }
    },
    async setPassword(name, password) {
      await client.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: name, MasterUserPassword: password.reveal(), ApplyImmediately: true }));
    },
    async rename(identifier, to) {
      await client.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: identifier, NewDBInstanceIdentifier: to, ApplyImmediately: true }));
    },
    async takeIntoUse(restored, { name, like }) {
      const ResourceName = restored.DBInstanceArn;
      await client.send(new RemoveTagsFromResourceCommand({ ResourceName, TagKeys: Object.values(temporaryTags) }));
      await client.send(new AddTagsToResourceCommand({ ResourceName, Tags: lasting(like) }));
      await client.send(
        new ModifyDBInstanceCommand({
          DBInstanceIdentifier: restored.DBInstanceIdentifier, NewDBInstanceIdentifier: name, DeletionProtection: like.DeletionProtection, ApplyImmediately: true,
        }),
      );
    },
  };
}

/** What a person or a template tagged it with; AWS keeps tags of its own to itself. */
function lasting({ TagList = [] }: DBInstance): DBInstance['TagList'] & object {
  return TagList.filter(({ Key }) => Key !== undefined && !Key.startsWith('aws:'));
}
