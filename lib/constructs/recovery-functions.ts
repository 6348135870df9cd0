/**
 * The two functions that the moves between Regions are decided and measured by. They know this Region alone, so a failover may need them
 * when the other one is gone.
 */
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { databaseRecovery, recoveryControl } from '../contracts/recovery.ts';
import type { Settings } from '../settings/index.ts';
import { ContractFunction } from './function.ts';
import { retentionOf } from './log-retention.ts';
import { arnInPolicies } from './replicated-secret.ts';

export interface RecoveryFunctionsProps {
  readonly settings: Settings;
  readonly leaseTable: dynamodb.ITableV2;
  readonly journalTable: dynamodb.ITableV2;
  readonly network: { readonly vpc: ec2.IVpc; readonly databaseClientSecurityGroup: ec2.ISecurityGroup };
  readonly database: { readonly host: string; readonly port: string; readonly name: string };
  readonly databaseSecret: secretsmanager.ISecret;
  readonly key: kms.IKey;
}

/** Where Lambda's Node keeps the authorities of RDS; since Node 20 it loads them only when told (Lambda Developer Guide, "Node.js"). */
export const caFile = '/var/runtime/ca-cert.pem';

export class RecoveryFunctions extends Construct {
  readonly control: ContractFunction<typeof recoveryControl>;
  readonly database: ContractFunction<typeof databaseRecovery>;

  constructor(scope: Construct, id: string, props: RecoveryFunctionsProps) {
    super(scope, id);
    const { settings, leaseTable, journalTable, network, database, databaseSecret, key } = props;
    const common = { prefix: `baton-${settings.environment}`, logRetention: retentionOf(settings) };
    const books = settings.books.map(({ name }) => name).join(',');
    const allow = (target: ContractFunction<typeof recoveryControl> | ContractFunction<typeof databaseRecovery>, actions: string[], resource: string): void => {
      target.function.addToRolePolicy(new iam.PolicyStatement({ actions, resources: [resource] }));
    };

    this.control = new ContractFunction(this, 'Control', {
      ...common, contract: recoveryControl,
      environment: { BATON_LEASE_TABLE: leaseTable.tableName, BATON_JOURNAL_TABLE: journalTable.tableName, BATON_BOOKS: books },
    });
    allow(this.control, ['dynamodb:GetItem', 'dynamodb:UpdateItem', 'dynamodb:Query'], leaseTable.tableArn);
    allow(this.control, ['dynamodb:Query'], journalTable.tableArn);

    this.database = new ContractFunction(this, 'Database', {
      ...common, contract: databaseRecovery,
      environment: {
        BATON_JOURNAL_TABLE: journalTable.tableName,
        BATON_BOOKS: books,
        BATON_DATABASE_HOST: database.host,
        BATON_DATABASE_PORT: database.port,
        BATON_DATABASE_NAME: database.name,
        BATON_DATABASE_SECRET_ARN: databaseSecret.secretArn,
        NODE_EXTRA_CA_CERTS: caFile,
      },
      network: {
        vpc: network.vpc, subnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS }, securityGroup: network.databaseClientSecurityGroup,
      },
    });
    allow(this.database, ['dynamodb:Query'], journalTable.tableArn);
    allow(this.database, ['secretsmanager:GetSecretValue'], arnInPolicies(databaseSecret));
    allow(this.database, ['kms:Decrypt'], key.keyArn);
  }
}
