/**
 * The function that alone has the management key of one book, and what may call it: Secrets Manager, for the steps of a rotation, and the
 * one-shot schedule of a revocation, with a role that may do that and nothing else.
 */
import { Stack, Validations } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { keyRotation } from '../contracts/key-rotation.ts';
import type { BookSettings, Settings } from '../settings/index.ts';
import { ContractFunction, functionArnOf } from './function.ts';
import { retentionOf } from './log-retention.ts';
import { arnInPolicies } from './replicated-secret.ts';

export interface BookKeysProps {
  readonly settings: Settings;
  readonly book: BookSettings;
  readonly leaseTable: dynamodb.ITableV2;
  readonly network: { readonly vpc: ec2.IVpc; readonly venueClientSecurityGroup: ec2.ISecurityGroup };
  /** By plain names, which are the same in both Regions. */
  readonly venueSecret: { readonly name: string; readonly secret: secretsmanager.ISecret };
  readonly managementSecret: { readonly name: string; readonly secret: secretsmanager.ISecret };
  readonly venueKey: kms.IKey;
  /** This Region's parameters, one for each Region. */
  readonly addressParameters: readonly string[];
  readonly scheduleGroup: string;
  /** Of revocations that could not be delivered. */
  readonly undelivered: sqs.IQueue;
}

/** Nobody may have signed with an old key for so long before it is deleted. */
const unusedSeconds = 3600;

export class BookKeys extends Construct {
  readonly rotation: ContractFunction<typeof keyRotation>;

  constructor(scope: Construct, id: string, props: BookKeysProps) {
    super(scope, id);
    const { settings, book, leaseTable, network, venueSecret, managementSecret, addressParameters, scheduleGroup, undelivered } = props;
    const stack = Stack.of(this);
    const prefix = `baton-${settings.environment}-${book.name}`;
    // By its name: the function's environment has it.
    const functionArn = functionArnOf(this, keyRotation, prefix);
    const revoker = new iam.Role(this, 'Revoker', {
      description: `Lets the scheduler revoke old exchange keys of book ${book.name}`,
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': stack.account } } }),
    });
    revoker.addToPolicy(new iam.PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [functionArn] }));
    revoker.addToPolicy(new iam.PolicyStatement({ actions: ['sqs:SendMessage'], resources: [undelivered.queueArn] }));

    this.rotation = new ContractFunction(this, 'Rotation', {
      contract: keyRotation, prefix, logRetention: retentionOf(settings),
      environment: {
        BATON_ENVIRONMENT: settings.environment,
        BATON_BOOK: book.name,
        BATON_VENUE: book.venue,
        BATON_VENUE_URL: book.venueUrl,
        BATON_SYMBOL: book.symbol,
        BATON_REGION: stack.region,
        BATON_LEASE_TABLE: leaseTable.tableName,
        BATON_VENUE_SECRET: venueSecret.name,
        BATON_MANAGEMENT_SECRET: managementSecret.name,
        BATON_ADDRESS_PARAMETERS: addressParameters.join(','),
        BATON_GRACE_HOURS: String(settings.keys.graceHours),
        BATON_UNUSED_SECONDS: String(unusedSeconds),
        BATON_SCHEDULE_GROUP: scheduleGroup,
        BATON_REVOCATION_TARGET: functionArn,
        BATON_REVOCATION_ROLE: revoker.roleArn,
        BATON_REVOCATION_DEAD_LETTERS: undelivered.queueArn,
      },
      network: { vpc: network.vpc, subnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS }, securityGroup: network.venueClientSecurityGroup },
      oneAtATime: true,
    });
    this.rotation.function.addPermission('SecretsManager', {
      principal: new iam.ServicePrincipal('secretsmanager.amazonaws.com'), sourceAccount: stack.account, sourceArn: arnInPolicies(venueSecret.secret),
    });
    this.#allow(props, revoker);
  }

  #allow({ book, leaseTable, venueSecret, managementSecret, venueKey, addressParameters, scheduleGroup }: BookKeysProps, revoker: iam.IRole): void {
    const stack = Stack.of(this);
    const allow = (actions: readonly string[], resources: readonly string[], conditions?: Record<string, unknown>): void => {
      this.rotation.function.addToRolePolicy(new iam.PolicyStatement({ actions: [...actions], resources: [...resources], ...(conditions && { conditions }) }));
    };
    const of = (service: string, names: readonly string[]): string[] => names.map((name) => `${service}:${name}`);
    allow(of('secretsmanager', ['DescribeSecret', 'GetSecretValue', 'PutSecretValue', 'UpdateSecretVersionStage']), [arnInPolicies(venueSecret.secret)]);
    allow(of('secretsmanager', ['GetSecretValue']), [arnInPolicies(managementSecret.secret)]);
    allow(['kms:Decrypt', 'kms:GenerateDataKey'], [venueKey.keyArn], { StringEquals: { 'kms:ViaService': `secretsmanager.${stack.region}.amazonaws.com` } });
    allow(of('dynamodb', ['GetItem', 'Query', 'PutItem']), [leaseTable.tableArn], {
      'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [book.name] }, Null: { 'dynamodb:LeadingKeys': 'false' },
    });
    const schedules = stack.formatArn({ service: 'scheduler', resource: 'schedule', resourceName: `${scheduleGroup}/*` });
    allow(of('scheduler', ['CreateSchedule', 'GetSchedule']), [schedules]);
    allow(['iam:PassRole'], [revoker.roleArn], { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } });
    allow(['ssm:GetParameters'], addressParameters.map((name) => stack.formatArn({ service: 'ssm', resource: 'parameter', resourceName: name.slice(1) })));
    Validations.of(this.rotation).acknowledge({ id: `AwsSolutions-IAM5[Resource::${schedules}]`, reason: 'Schedules are named after the versions whose predecessors they revoke.' });
    for (const secret of [venueSecret, managementSecret]) {
      const arn = arnInPolicies(secret.secret);
      if (arn.endsWith('?')) Validations.of(this.rotation).acknowledge({ id: `AwsSolutions-IAM5[Resource::${arn}]`, reason: 'Secrets Manager ends each ARN with characters of its own.' });
    }
  }
}
