/**
 * The rotation of what opens the database and Redis in one Region: its function, when Secrets Manager calls it, the roles that a deployment makes, the hourly upkeep,
 * and an alarm for each way to stay half-done. Rotation is declared where a secret is; where one was promoted to, the upkeep turns it on.
 */
import { ArnFormat, CustomResource, Duration, Stack, Validations } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { credentialRotation } from '../contracts/credential-rotation.ts';
import type { StepInput } from '../contracts/step.ts';
import { roleNames } from '../data-credentials/roles.ts';
import type { Settings } from '../settings/index.ts';
import { ContractFunction } from './function.ts';
import { retentionOf } from './log-retention.ts';
import { arnInPolicies } from './replicated-secret.ts';

export interface CredentialRotationProps {
  readonly settings: Settings;
  readonly network: { readonly vpc: ec2.IVpc; readonly credentialSecurityGroup: ec2.ISecurityGroup };
  readonly key: kms.IKey;
  readonly database: { readonly host: string; readonly port: string; readonly name: string };
  /** Those that have a replica, by their names. */
  readonly databaseSecrets: Readonly<Record<string, secretsmanager.ISecret>>;
  readonly cache: { readonly host: string; readonly port: string; readonly groupId: string };
  /** The Region's own. */
  readonly cacheSecret: secretsmanager.ISecret;
}

/** Where Lambda's Node keeps the authorities of RDS; since Node 20 it loads them only when told (Lambda Developer Guide, "Node.js"). */
const caFile = '/var/runtime/ca-cert.pem';
/** From midnight, UTC: a window may not cross it. */
const window = '4h';
/** Secrets Manager repeats a step that failed for some minutes; then nobody goes on with it. */
const unfinishedSeconds = 3600;
/** Traders read their token every few minutes, and whenever they connect. */
const retireSeconds = 3600;
const hoursOfAlarm = 3;

export class CredentialRotation extends Construct {
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, props: CredentialRotationProps) {
    super(scope, id);
    const { settings, network, database, databaseSecrets, cache, cacheSecret } = props;
    const stack = Stack.of(this);
    const prefix = `baton-${settings.environment}`;
    const schedule = `rate(${settings.credentials.rotateDays} days)`;
    const functionArn = stack.formatArn({
      service: 'lambda', resource: 'function', resourceName: `${prefix}-${credentialRotation.name}`, arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    const rotation = new ContractFunction(this, 'Function', {
      contract: credentialRotation, prefix, logRetention: retentionOf(settings),
      environment: {
        BATON_ENVIRONMENT: settings.environment,
        BATON_REGION: stack.region,
        BATON_ROTATE_DAYS: String(settings.credentials.rotateDays),
        BATON_ROTATION_SCHEDULE: schedule,
        BATON_ROTATION_WINDOW: window,
        BATON_ROTATION_FUNCTION: functionArn,
        BATON_DATABASE_HOST: database.host,
        BATON_DATABASE_PORT: database.port,
        BATON_DATABASE_NAME: database.name,
        BATON_REDIS_HOST: cache.host,
        BATON_REDIS_PORT: cache.port,
        BATON_CACHE_GROUP: cache.groupId,
        NODE_EXTRA_CA_CERTS: caFile,
      },
      network: { vpc: network.vpc, subnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS }, securityGroup: network.credentialSecurityGroup },
    });
    this.#allow(rotation, props, functionArn);
    rotation.function.addPermission('SecretsManager', {
      principal: new iam.ServicePrincipal('secretsmanager.amazonaws.com'), sourceAccount: stack.account,
    });
    const roles = new CustomResource(this, 'Roles', {
      resourceType: 'Custom::BatonDatabaseRoles',
      serviceToken: rotation.function.functionArn,
      // Another role is another deployment of them.
      properties: { Roles: roleNames.join(',') },
    });
    roles.node.addDependency(rotation);
    const isFirst = stack.region === settings.regions.first.name;
    for (const [name, secret] of Object.entries({ ...(isFirst ? databaseSecrets : {}), cache: cacheSecret })) {
      const rotated = new secretsmanager.CfnRotationSchedule(this, `Schedule-${name.split('/').slice(1).join('-') || name}`, {
        secretId: secret.secretArn,
        rotationLambdaArn: rotation.function.functionArn,
        rotationRules: { scheduleExpression: schedule, duration: window },
        // A deployment changes no password. Secrets Manager tries whether the function can test what there is: so the roles come first.
        rotateImmediatelyOnUpdate: false,
      });
      rotated.node.addDependency(roles);
    }
    const event: { readonly step: 'upkeep' } & StepInput<(typeof credentialRotation)['steps']['upkeep']> = { step: 'upkeep', unfinishedSeconds, retireSeconds };
    new events.Rule(this, 'EveryHour', {
      ruleName: `${prefix}-credential-upkeep`,
      description: 'Finishes what a rotation of credentials left half-done',
      schedule: events.Schedule.rate(Duration.hours(1)),
      targets: [new targets.LambdaFunction(rotation.function, { event: events.RuleTargetInput.fromObject(event), retryAttempts: 2, maxEventAge: Duration.minutes(30) })],
    });
    this.alarms = [rotation.errorsAlarm, ...this.#whatTheUpkeepSays(prefix, rotation)];
  }

  #allow(rotation: ContractFunction<typeof credentialRotation>, { key, databaseSecrets, cacheSecret, cache }: CredentialRotationProps, functionArn: string): void {
    const stack = Stack.of(this);
    const allow = (actions: readonly string[], resources: readonly string[], conditions?: Record<string, unknown>): void => {
      rotation.function.addToRolePolicy(new iam.PolicyStatement({ actions: [...actions], resources: [...resources], ...(conditions && { conditions }) }));
    };
    const secretArns = [...Object.values(databaseSecrets), cacheSecret].map(arnInPolicies);
    allow(
      ['DescribeSecret', 'GetSecretValue', 'ListSecretVersionIds', 'PutSecretValue', 'UpdateSecretVersionStage', 'RotateSecret'].map((action) => `secretsmanager:${action}`),
      secretArns,
    );
    for (const arn of secretArns.filter((each) => each.endsWith('?'))) {
      Validations.of(rotation).acknowledge({ id: `AwsSolutions-IAM5[Resource::${arn}]`, reason: 'Secrets Manager ends each ARN with characters of its own.' });
    }
    allow(['kms:Decrypt', 'kms:GenerateDataKey'], [key.keyArn], { StringEquals: { 'kms:ViaService': `secretsmanager.${stack.region}.amazonaws.com` } });
    // Whoever turns a rotation on must be allowed to call what rotates.
    allow(['lambda:InvokeFunction'], [functionArn]);
    allow(['elasticache:DescribeReplicationGroups', 'elasticache:ModifyReplicationGroup'], [
      stack.formatArn({ service: 'elasticache', resource: 'replicationgroup', resourceName: cache.groupId, arnFormat: ArnFormat.COLON_RESOURCE_NAME }),
    ]);
  }

  /** What is counted is that all was well: an upkeep that says nothing is as bad as one that says the contrary. */
  #whatTheUpkeepSays(prefix: string, rotation: ContractFunction<typeof credentialRotation>): cloudwatch.Alarm[] {
    const unless = (field: 'finished' | 'rotating' | 'accepted' | 'recent' | 'retired', impact: string): cloudwatch.Alarm =>
      new logs.MetricFilter(this, `Lines-${field}`, {
        logGroup: rotation.function.logGroup,
        filterName: `${prefix}-credentials-${field}`,
        filterPattern: logs.FilterPattern.stringValue(`$.output.${field}`, '=', 'yes'),
        metricNamespace: 'Baton',
        metricName: `${prefix}-credentials-${field}`,
        metricValue: '1',
      }).metric({ period: Duration.hours(1), statistic: 'Sum' }).createAlarm(this, `Alarm-${field}`, {
        alarmName: `${prefix}-credentials-not-${field}`,
        alarmDescription: `${impact} Runbook: docs/runbooks/credentials.md`,
        threshold: 1,
        comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluationPeriods: hoursOfAlarm,
        treatMissingData: cloudwatch.TreatMissingData.BREACHING,
      });
    return [
      unless('finished', 'The rotation of a login or of the token of Redis was begun and cannot be finished: the next one will not begin. What is in use goes on to work.'),
      unless('rotating', 'A secret is not rotated at all, because its rotation could not be turned on in this Region: it grows old.'),
      unless('accepted', 'The database or Redis refuses what a secret says: whoever connects anew gets in by an older version, or not at all. Trading goes on.'),
      unless('recent', 'A login or the token of Redis is older than it should be: rotations are due and do not happen.'),
      unless('retired', 'Redis still takes its old token: whoever has it can read and change the counters of the rate limit.'),
    ];
  }
}
