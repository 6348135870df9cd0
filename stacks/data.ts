/**
 * PostgreSQL, the ledger for people and reports, and Redis, the cache and the rate-limit buckets. Neither is needed
 * to hold a lease; a book that does need the database says so in its settings.
 *
 * The database of the second Region is declared as a read replica of the first's, for ever: what is behind the name changes
 * when one is promoted and the other is made anew as its replica, the declaration never does. Redis is each Region's own, and
 * its token with it.
 */
import { ArnFormat, Duration, RemovalPolicy, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elasticache from 'aws-cdk-lib/aws-elasticache';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as rds from 'aws-cdk-lib/aws-rds';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { cacheSecretName, databaseRoles, masterSecretName, roleNames, secretNameOf, usersOf, type RoleName } from '../lib/data-credentials/roles.ts';
import { retentionOf } from '../lib/constructs/log-retention.ts';
import { replicatedSecret } from '../lib/constructs/replicated-secret.ts';
import { confirmHomeRegion, recordWritingDatabase } from '../lib/constructs/topology.ts';
import type { Settings } from '../lib/settings/index.ts';
import { type FoundationStack, keyAliasOf } from './foundation.ts';
import { cachePort, databasePort, type NetworkStack } from './network.ts';

export interface DataStackProps extends StackProps {
  readonly settings: Settings;
  readonly foundation: FoundationStack;
  readonly network: NetworkStack;
}

export const databaseName = 'baton';

/** Where clients of a server connect, as the deployed resource says. */
export interface Endpoint {
  readonly host: string;
  readonly port: string;
}

export class DataStack extends Stack {
  readonly key: kms.IKey;
  readonly database: rds.IDatabaseInstance;
  /** A plain name, known at synth. */
  readonly databaseInstanceIdentifier: string;
  /** The master's: of migrations, and of what rotates the logins. */
  readonly databaseSecret: secretsmanager.ISecret;
  /** Of those who work with the database. */
  readonly roleSecrets: Readonly<Record<RoleName, secretsmanager.ISecret>>;
  /** All of these, by plain names that are the same in both Regions. */
  readonly databaseSecrets: Readonly<Record<string, secretsmanager.ISecret>>;
  readonly cache: Endpoint & { readonly groupId: string };
  /** A plain string: the token alone. */
  readonly cacheSecret: secretsmanager.ISecret;

  constructor(scope: Construct, id: string, { settings, foundation, network, ...props }: DataStackProps) {
    super(scope, id, props);
    confirmHomeRegion(this, settings);
    this.databaseInstanceIdentifier = `baton-${settings.environment}`;

    this.key = foundation.dataKey;

    const masterName = masterSecretName(settings.environment);
    this.databaseSecret = this.#login(settings, 'DatabaseSecret', { name: masterName, description: 'PostgreSQL: the master', username: 'baton' });
    this.roleSecrets = Object.fromEntries(
      roleNames.map((role) => [
        role,
        this.#login(settings, `DatabaseSecret-${role}`, {
          name: secretNameOf(settings.environment, role), description: `PostgreSQL: ${databaseRoles[role].purpose}`, username: usersOf(role)[0],
        }),
      ]),
    ) as Record<RoleName, secretsmanager.ISecret>;
    this.databaseSecrets = {
      [masterName]: this.databaseSecret,
      ...Object.fromEntries(roleNames.map((role) => [secretNameOf(settings.environment, role), this.roleSecrets[role]])),
    };
    this.cacheSecret = new secretsmanager.Secret(this, 'CacheSecret', {
      secretName: cacheSecretName(settings.environment),
      description: 'Redis: the AUTH token',
      encryptionKey: this.key,
      removalPolicy: RemovalPolicy.RETAIN,
      // ElastiCache takes 16 to 128 characters and little punctuation.
      generateSecretString: { passwordLength: 64, excludePunctuation: true },
    }) as secretsmanager.ISecret;
    this.database = this.#database(settings, network);
    recordWritingDatabase(this, settings, this.database);
    this.cache = this.#cache(settings, network);
    this.#acknowledge(settings);
  }

  #login(settings: Settings, id: string, { name, description, username }: { readonly name: string; readonly description: string; readonly username: string }): secretsmanager.ISecret {
    return replicatedSecret(this, id, {
      settings,
      key: this.key,
      keyAlias: keyAliasOf(settings, 'data'),
      secretName: name,
      description,
      removalPolicy: RemovalPolicy.RETAIN,
      // Ours, not RDS's: a password that RDS manages cannot be used with a read replica of PostgreSQL.
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ username }), generateStringKey: 'password', passwordLength: 40, excludePunctuation: true,
      },
    });
  }

  #database(settings: Settings, network: NetworkStack): rds.IDatabaseInstance {
    const { instanceClass, allocatedGb, retentionDays, deletionProtection } = settings.database;
    const engine = rds.DatabaseInstanceEngine.postgres({ version: rds.PostgresEngineVersion.VER_17 });
    const exports = ['postgresql', 'upgrade'];
    const groups = exports.map(
      (name) =>
        new logs.LogGroup(this, `DatabaseLog-${name}`, {
          logGroupName: `/aws/rds/instance/${this.databaseInstanceIdentifier}/${name}`,
          retention: retentionOf(settings),
          removalPolicy: RemovalPolicy.RETAIN,
        }),
    );
    const shape = {
      instanceIdentifier: this.databaseInstanceIdentifier,
      instanceType: new ec2.InstanceType(instanceClass),
      port: databasePort,
      vpc: network.vpc,
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
      securityGroups: [network.databaseSecurityGroup],
      storageType: rds.StorageType.GP3,
      allocatedStorage: allocatedGb,
      storageEncryptionKey: this.key,
      caCertificate: rds.CaCertificate.RDS_CA_RSA2048_G1,
      parameterGroup: new rds.ParameterGroup(this, 'DatabaseParameters', {
        engine,
        description: 'Baton: TLS only, slow statements logged',
        parameters: { 'rds.force_ssl': '1', log_min_duration_statement: '50' },
      }),
      backupRetention: Duration.days(retentionDays),
      deleteAutomatedBackups: false,
      preferredBackupWindow: '08:00-08:30',
      preferredMaintenanceWindow: 'sun:09:00-sun:09:30',
      // Nothing is upgraded unless a person changes the code.
      autoMinorVersionUpgrade: false,
      allowMajorVersionUpgrade: false,
      cloudwatchLogsExports: exports,
      deletionProtection,
      removalPolicy: RemovalPolicy.RETAIN,
    };
    const { first } = settings.regions;
    const database =
      this.region === first.name
        ? new rds.DatabaseInstance(this, 'Database', {
            ...shape, engine, databaseName, multiAz: true, credentials: rds.Credentials.fromSecret(this.databaseSecret),
          })
        : this.#replica(shape, first.name);
    // The groups first, or RDS makes them itself and they are kept for ever.
    database.node.addDependency(...groups);
    return database;
  }

  #replica(shape: Omit<rds.DatabaseInstanceReadReplicaProps, 'sourceDatabaseInstance'>, sourceRegion: string): rds.DatabaseInstanceReadReplica {
    const sourceDatabaseInstance = rds.DatabaseInstance.fromDatabaseInstanceAttributes(this, 'Source', {
      instanceIdentifier: this.databaseInstanceIdentifier, instanceEndpointAddress: 'elsewhere', port: databasePort, securityGroups: [],
    });
    const replica = new rds.DatabaseInstanceReadReplica(this, 'Database', { ...shape, sourceDatabaseInstance });
    // The CDK would look for the source in the replica's own Region.
    const resource = replica.node.defaultChild as rds.CfnDBInstance;
    resource.sourceRegion = sourceRegion;
    // As its source is; CloudFormation takes the key alone.
    resource.storageEncrypted = undefined;
    resource.sourceDbInstanceIdentifier = this.formatArn({
      service: 'rds', region: sourceRegion, resource: 'db', resourceName: this.databaseInstanceIdentifier, arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    Validations.of(replica).acknowledge(
      { id: 'AwsSolutions-RDS2', reason: 'A replica with a key is encrypted; to say so as well is refused.' },
      {
        id: 'AwsSolutions-RDS3',
        reason: 'A replica in one zone until it is written: whoever promotes it makes it Multi-AZ, and no template says otherwise, so none undoes it.',
      },
    );
    return replica;
  }

  #cache(settings: Settings, network: NetworkStack): DataStack['cache'] {
    const subnets = new elasticache.CfnSubnetGroup(this, 'CacheSubnets', {
      cacheSubnetGroupName: `baton-${settings.environment}`,
      description: 'Baton: isolated subnets',
      subnetIds: network.vpc.isolatedSubnets.map((subnet) => subnet.subnetId),
    });
    const groupId = `baton-${settings.environment}`;
    const cache = new elasticache.CfnReplicationGroup(this, 'Cache', {
      replicationGroupId: groupId,
      replicationGroupDescription: 'Baton: cache and rate-limit buckets; never the lease, never the only copy',
      engine: 'valkey',
      engineVersion: '7.2',
      cacheNodeType: settings.cache.nodeType,
      // Not replicasPerNodeGroup, a change of which would replace the group.
      numCacheClusters: settings.cache.nodes,
      automaticFailoverEnabled: true,
      multiAzEnabled: true,
      port: cachePort,
      cacheSubnetGroupName: subnets.ref,
      securityGroupIds: [network.cacheSecurityGroup.securityGroupId],
      // TLS only, from the start. Its mode is left unsaid: CloudFormation takes `required` in a second step after `preferred`.
      transitEncryptionEnabled: true,
      atRestEncryptionEnabled: true,
      kmsKeyId: this.key.keyArn,
      // A dynamic reference: the template holds the secret's name, never the token.
      authToken: this.cacheSecret.secretValue.unsafeUnwrap(),
      snapshotRetentionLimit: settings.cache.snapshotRetentionDays,
      snapshotWindow: '07:00-08:00',
      preferredMaintenanceWindow: 'sun:09:00-sun:10:00',
      autoMinorVersionUpgrade: false,
    });
    cache.applyRemovalPolicy(RemovalPolicy.RETAIN);
    return { host: cache.attrPrimaryEndPointAddress, port: cache.attrPrimaryEndPointPort, groupId };
  }

  #acknowledge(settings: Settings): void {
    Validations.of(this).acknowledge(
      {
        id: 'AwsSolutions-RDS11',
        reason: 'Only trading tasks reach the port, by security group; another number would hide it from nobody.',
      },
      {
        id: 'AwsSolutions-AEC5',
        reason: 'Only trading tasks reach the port, by security group; another number would hide it from nobody.',
      },
      {
        id: 'AwsSolutions-SMG4',
        reason: 'Our own function rotates these (stacks/credentials.ts): RDS excludes instances with replicas from its own rotation.',
      },
    );
    if (!settings.database.deletionProtection) {
      Validations.of(this).acknowledge({
        id: 'AwsSolutions-RDS10',
        reason: `The settings of ${settings.environment} leave deletion protection off: it holds no money and is meant to be removed.`,
      });
    }
  }
}
