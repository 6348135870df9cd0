/** RDS and Secrets Manager of one Region, by the SDK. */
import {
  CreateDBInstanceReadReplicaCommand, DBInstanceNotFoundFault, DescribeDBInstancesCommand, ModifyDBInstanceCommand, paginateDescribeDBInstances, type RDSClient,
} from '@aws-sdk/client-rds';
import {
  DescribeSecretCommand, ReplicateSecretToRegionsCommand, StopReplicationToReplicaCommand, type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { RegionApis } from './other-region-steps.ts';

export function databaseApi(databases: RDSClient): Pick<RegionApis, 'database'> {
  return {
    async database(identifier) {
      try {
        const { DBInstances = [] } = await databases.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: identifier }));
        return DBInstances[0];
      } catch (error) {
        if (error instanceof DBInstanceNotFoundFault) return undefined;
        throw error;
      }
    },
  };
}

export function regionApis(region: string, { databases, secrets }: { readonly databases: RDSClient; readonly secrets: SecretsManagerClient }): RegionApis {
  return {
    ...databaseApi(databases),
    async databases(prefix) {
      const found = [];
      for await (const { DBInstances = [] } of paginateDescribeDBInstances({ client: databases }, {})) found.push(...DBInstances);
      return found.filter(({ DBInstanceIdentifier: identifier }) => identifier?.startsWith(prefix));
    },
    async rename(identifier, to) {
      await databases.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: identifier, NewDBInstanceIdentifier: to, ApplyImmediately: true }));
    },
    async createReplica({ identifier, sourceArn, like }) {
      const { DBSubnetGroup, VpcSecurityGroups, DBParameterGroups, EnabledCloudwatchLogsExports } = like;
      const groups = VpcSecurityGroups?.flatMap(({ VpcSecurityGroupId: id }) => (id === undefined ? [] : [id]));
      await databases.send(
        new CreateDBInstanceReadReplicaCommand({
          DBInstanceIdentifier: identifier, SourceDBInstanceIdentifier: sourceArn,
          // As the one before, whose place it takes: the settings of its Region, its key above all.
          KmsKeyId: like.KmsKeyId, DBInstanceClass: like.DBInstanceClass, StorageType: like.StorageType,
          DBSubnetGroupName: DBSubnetGroup?.DBSubnetGroupName, DBParameterGroupName: DBParameterGroups?.[0]?.DBParameterGroupName,
          ...(groups !== undefined && groups.length > 0 && { VpcSecurityGroupIds: groups }),
          CACertificateIdentifier: like.CACertificateIdentifier, EnableCloudwatchLogsExports: EnabledCloudwatchLogsExports,
          AutoMinorVersionUpgrade: like.AutoMinorVersionUpgrade, DeletionProtection: like.DeletionProtection, PubliclyAccessible: false,
        }),
      );
    },
    async makeOriginal(secretName) {
      const { PrimaryRegion } = await secrets.send(new DescribeSecretCommand({ SecretId: secretName }));
      if (PrimaryRegion === undefined || PrimaryRegion === region) return;
      await secrets.send(new StopReplicationToReplicaCommand({ SecretId: secretName }));
    },
    async replicate(secretName, to) {
      const { ReplicationStatus = [] } = await secrets.send(
        new ReplicateSecretToRegionsCommand({
          SecretId: secretName, AddReplicaRegions: [{ Region: to.region, KmsKeyId: to.keyAlias }], ForceOverwriteReplicaSecret: true,
        }),
      );
      const { Status, StatusMessage } = ReplicationStatus.find(({ Region }) => Region === to.region) ?? {};
      return Status === 'Failed' ? (StatusMessage ?? 'it does not say why') : '';
    },
  };
}
