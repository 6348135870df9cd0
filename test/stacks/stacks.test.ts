/** What the templates must say, whatever else they say: the properties that safety and the requirements rest on. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { type App, Stack } from 'aws-cdk-lib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { buildApp } from '../../bin/app.ts';
import { stackIdOf, type StackName, stackNames } from '../../lib/contracts/stack-names.ts';
import { GuardEnvironment, MigrationEnvironment, TraderEnvironment } from '../../lib/contracts/task-environment.ts';
import { loadSettings } from '../../lib/settings/index.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'baton-stacks-'));
let app: App;

beforeAll(() => {
  vi.stubEnv('CDK_VALIDATION', 'false');
  app = buildApp({ settings: loadSettings('production'), outdir: directory, validation: false });
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

type Region = 'us-east-1' | 'us-west-2';
const regions: readonly Region[] = ['us-east-1', 'us-west-2'];

function template(name: StackName, region: Region = 'us-east-1'): Template {
  return Template.fromStack(app.node.findChild(stackIdOf({ environment: 'production' }, name, region)) as Stack);
}

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

function statements(properties: readonly string[], ofType?: string): Statement[] {
  return stackNames
    .flatMap((name) => Object.values(template(name).toJSON().Resources as Record<string, { Type: string; Properties?: any }>))
    .filter(({ Type }) => ofType === undefined || Type === ofType)
    .flatMap(({ Properties }) => properties.flatMap((property) => Properties?.[property]?.Statement ?? []));
}

test('every stack refuses to be deleted', () => {
  for (const stack of app.node.children.filter((child) => Stack.isStack(child))) {
    expect(stack.terminationProtection, stack.node.id).toBe(true);
  }
});

test('the lease and the journal are strongly consistent in two Regions, judged by a witness, without TTL', () => {
  const tables = template('trading-state').findResources('AWS::DynamoDB::GlobalTable');
  const names = Object.values(tables).map(({ Properties }) => Properties.TableName);
  expect(names).toEqual(['baton-production-lease', 'baton-production-journal']);
  for (const { Properties, DeletionPolicy } of Object.values(tables)) {
    expect(Properties).toMatchObject({ MultiRegionConsistency: 'STRONG', GlobalTableWitnesses: [{ Region: 'us-east-2' }] });
    expect(Properties.Replicas.map(({ Region }: { Region: string }) => Region).toSorted()).toEqual(['us-east-1', 'us-west-2']);
    for (const replica of Properties.Replicas) {
      expect(replica).toMatchObject({
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      });
    }
    expect(Properties).not.toHaveProperty('TimeToLiveSpecification');
    expect(DeletionPolicy).toBe('Retain');
  }
});

test('each book is created by the deployment of the first Region, and the home is recorded only after that was not refused', () => {
  const state = template('trading-state');
  state.hasResource('Custom::BatonBook', { DeletionPolicy: 'Retain', Properties: { Book: 'alpha', Home: 'us-east-1', LeaseMs: 5000 } });
  const [book] = Object.keys(state.findResources('Custom::BatonBook'));
  state.hasResource('AWS::SSM::Parameter', { DependsOn: [book], Properties: { Name: '/baton/production/home-region/us-east-1' } });
  template('trading-state', 'us-west-2').resourceCountIs('Custom::BatonBook', 0);
  template('trading-state', 'us-west-2').resourceCountIs('AWS::DynamoDB::GlobalTable', 0);
});

describe.each(regions)('in %s', (region) => {
  test('where home began is recorded, and the database that is written once the own one is there', () => {
    template('trading-state', region).hasResource('AWS::SSM::Parameter', {
      DeletionPolicy: 'Retain', Properties: { Name: '/baton/production/home-region/us-east-1', Value: 'us-east-1' },
    });
    const data = template('data', region);
    const [database] = Object.keys(data.findResources('AWS::RDS::DBInstance'));
    data.hasResource('AWS::SSM::Parameter', {
      DependsOn: Match.arrayWith([database]), DeletionPolicy: 'Retain',
      Properties: { Name: '/baton/production/writing-database/us-east-1', Value: 'us-east-1' },
    });
  });

  test('a deployment that believes in another home, or in another writing database, is refused before it starts', () => {
    const confirmed = (fact: string) => {
      const name = `/baton/production/${fact}/us-east-1`;
      return { Type: 'AWS::SSM::Parameter::Value<String>', Default: name, AllowedValues: [name] };
    };
    for (const name of ['data', 'trading', 'cutover', 'recovery'] as const) {
      template(name, region).hasParameter('ConfirmedHomeRegion', confirmed('home-region'));
    }
    for (const name of ['trading', 'cutover', 'recovery'] as const) {
      template(name, region).hasParameter('ConfirmedWritingDatabase', confirmed('writing-database'));
    }
  });

  test('traders, functions and machines are the same', () => {
    const types = ['AWS::ECS::Service', 'AWS::StepFunctions::StateMachine', 'AWS::Lambda::Function', 'AWS::ECR::Repository', 'AWS::KMS::Alias'];
    const named = (of: Region): string[] =>
      stackNames.flatMap((name) => types.flatMap((type) => Object.values(template(name, of).findResources(type)).map(({ Properties }) =>
        String(Properties.ServiceName ?? Properties.StateMachineName ?? Properties.FunctionName ?? Properties.RepositoryName ?? Properties.AliasName))));
    const ofFirst = 'baton-production-create-book';
    expect(named('us-east-1').filter((name) => name !== ofFirst)).toEqual(named('us-west-2'));
    expect(named(region)).toEqual(expect.arrayContaining(['baton-production-alpha', 'baton-production-cutover', 'baton-production-failover', 'alias/baton-production-data']));
  });

  test('people hear of a replica that lags, or for which the log piles up', () => {
    const recovery = template('recovery', region);
    for (const [MetricName, Threshold] of [['ReplicaLag', 300], ['OldestReplicationSlotLag', 10 * 1024 ** 3]] as const) {
      recovery.hasResourceProperties('AWS::CloudWatch::Alarm', {
        Namespace: 'AWS/RDS', MetricName, Threshold, EvaluationPeriods: 3, TreatMissingData: 'notBreaching',
        Dimensions: [{ Name: 'DBInstanceIdentifier', Value: 'baton-production' }],
        AlarmDescription: Match.stringLikeRegexp('Runbook: docs/runbooks/replication.md'), AlarmActions: Match.anyValue(),
      });
    }
  });

  test('reports are copied to the other Region', () => {
    const other = region === 'us-east-1' ? 'us-west-2' : 'us-east-1';
    const copies = `baton-production-report-copies-333333333333-${other}`;
    template('cutover', region).hasResourceProperties('AWS::S3::Bucket', {
      VersioningConfiguration: { Status: 'Enabled' },
      ReplicationConfiguration: { Rules: [Match.objectLike({ Status: 'Enabled', Destination: { Bucket: `arn:aws:s3:::${copies}` } })] },
    });
    template('foundation', other).hasResourceProperties('AWS::S3::Bucket', { BucketName: copies, VersioningConfiguration: { Status: 'Enabled' } });
  });

  test('images are replicated to the other Region', () => {
    template('trading', region).hasResourceProperties('AWS::ECR::ReplicationConfiguration', {
      ReplicationConfiguration: {
        Rules: [{
          Destinations: [{ Region: region === 'us-east-1' ? 'us-west-2' : 'us-east-1', RegistryId: '333333333333' }],
          RepositoryFilters: [{ Filter: 'baton-production/', FilterType: 'PREFIX_MATCH' }],
        }],
      },
    });
  });
});

test('the database of the second Region is a replica of the first’s, with a key of its own; nothing undoes what its promotion changes', () => {
  const [of] = Object.values(template('data').findResources('AWS::RDS::DBInstance'));
  const [replica] = Object.values(template('data', 'us-west-2').findResources('AWS::RDS::DBInstance'));
  expect(replica?.Properties).toMatchObject({
    DBInstanceIdentifier: 'baton-production',
    SourceDBInstanceIdentifier: 'arn:aws:rds:us-east-1:333333333333:db:baton-production',
    SourceRegion: 'us-east-1',
    KmsKeyId: { 'Fn::GetStackOutput': { StackName: 'baton-production-foundation', Region: 'us-west-2' } },
  });
  expect(replica?.DeletionPolicy).toBe('Retain');
  expect(replica?.Properties).not.toHaveProperty('MultiAZ');
  const shared = ['AllocatedStorage', 'DBInstanceClass', 'StorageType', 'BackupRetentionPeriod', 'DeletionProtection', 'EnableCloudwatchLogsExports'];
  for (const name of shared) expect(replica?.Properties[name], name).toEqual(of?.Properties[name]);
});

test('the secrets of database and venue are replicated, under keys of the second Region; it declares none of its own of them', () => {
  for (const [name, secret, alias] of [['data', 'database', 'data'], ['trading', 'alpha/venue', 'venue']] as const) {
    template(name).hasResourceProperties('AWS::SecretsManager::Secret', {
      Name: `baton-production/${secret}`, ReplicaRegions: [{ Region: 'us-west-2', KmsKeyId: `alias/baton-production-${alias}` }],
    });
    const there = Object.values(template(name, 'us-west-2').findResources('AWS::SecretsManager::Secret')).map(({ Properties }) => Properties.Name);
    expect(there).toEqual(name === 'data' ? ['baton-production/cache'] : []);
  }
});

const isMigration = ({ Family }: { Family: string }): boolean => Family.endsWith('-migration-template');

test('the task that migrates the schema knows the database and may read its secret, and nothing of the venue', () => {
  const definitions = Object.values(template('trading').findResources('AWS::ECS::TaskDefinition'));
  const { Properties } = definitions.find((each) => isMigration(each.Properties))!;
  expect(Properties.ContainerDefinitions).toHaveLength(1);
  const [container] = Properties.ContainerDefinitions;
  expect(container).toMatchObject({ Command: ['migrate', 'expand'], ReadonlyRootFilesystem: true, User: '65532:65532' });
  const names = container.Environment.map(({ Name }: { Name: string }) => Name);
  expect(names.toSorted()).toEqual(Object.keys(MigrationEnvironment.shape).toSorted());
  const role = Properties.TaskRoleArn['Fn::GetAtt'][0] as string;
  const policies = Object.values(template('trading').findResources('AWS::IAM::Policy')).filter((each) =>
    each.Properties.Roles.some(({ Ref }: { Ref: string }) => Ref === role));
  const allowed = policies.flatMap((each) => each.Properties.PolicyDocument.Statement as Statement[]).map(({ Action }) => Action);
  expect(allowed).toEqual(['secretsmanager:GetSecretValue', 'kms:Decrypt']);
});

describe('the trading task', () => {
  const task = (): { Properties: Record<string, any> } =>
    Object.values(template('trading').findResources('AWS::ECS::TaskDefinition')).find(({ Properties }) => !isMigration(Properties)) as never;

  test('is a guard and a trader that can do no more than their work', () => {
    const { Properties } = task();
    expect(Properties).toMatchObject({ Family: 'baton-production-alpha-template', Cpu: '1024', Memory: '2048', NetworkMode: 'awsvpc' });
    expect(Properties['ContainerDefinitions'].map(({ Name }: { Name: string }) => Name)).toEqual(['guard', 'trader']);
    for (const container of Properties['ContainerDefinitions']) {
      expect(container).toMatchObject({
        Essential: true,
        User: '65532:65532',
        ReadonlyRootFilesystem: true,
        LinuxParameters: { Capabilities: { Drop: ['ALL'] } },
        StopTimeout: 120,
        HealthCheck: { Interval: 10, Retries: 3, StartPeriod: 30 },
        LogConfiguration: { LogDriver: 'awslogs', Options: { mode: 'non-blocking' } },
      });
      expect(container, 'secrets are read at run time').not.toHaveProperty('Secrets');
    }
  });

  test('gives each container the environment of its contract', () => {
    const added = { BATON_COLOUR: 'blue', BATON_IMAGE_DIGEST: 'sha256:1', AWS_REGION: 'us-east-1' };
    for (const [index, contract] of [GuardEnvironment, TraderEnvironment].entries()) {
      const variables = task().Properties['ContainerDefinitions'][index].Environment as Array<{ Name: string; Value: unknown }>;
      // What only a deployment knows stands as an address or a port would.
      const text = (name: string, value: unknown): string => (typeof value === 'string' ? value : name.endsWith('_PORT') ? '1' : 'host');
      const given = Object.fromEntries(variables.map(({ Name, Value }) => [Name, text(Name, Value)]));
      expect(contract.safeParse({ ...given, ...added })).toMatchObject({ success: true });
      const ofADrill = ['BATON_VENUE_HOSTS'];
      expect(Object.keys(contract.shape).filter((name) => !(name in given) && !(name in added) && !ofADrill.includes(name))).toEqual([]);
    }
  });

  test('may write the items of its own book and no other', () => {
    const onTables = Object.values(template('trading').findResources('AWS::IAM::Policy'))
      .flatMap(({ Properties }) => Properties.PolicyDocument.Statement)
      .filter(({ Action }) => JSON.stringify(Action).includes('dynamodb:'));
    expect(onTables.length).toBe(2);
    for (const { Condition } of onTables) {
      expect(Condition).toEqual({
        'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['alpha'] },
        Null: { 'dynamodb:LeadingKeys': 'false' },
      });
    }
  });
});

test('a key, topic or bucket that a service of AWS may use serves this account only', () => {
  const admitting = statements(['KeyPolicy', 'PolicyDocument']).filter(
    ({ Effect, Principal }) => Effect === 'Allow' && JSON.stringify(Principal ?? '').includes('"Service"'),
  );
  expect(admitting.length).toBeGreaterThanOrEqual(2);
  for (const { Condition } of admitting) expect(Condition).toEqual({ StringEquals: { 'aws:SourceAccount': '333333333333' } });
});

test('no role has an action by wildcard', () => {
  const actions = statements(['PolicyDocument'], 'AWS::IAM::Policy').flatMap(({ Action }) => Action);
  expect(actions.length).toBeGreaterThan(20);
  expect(actions.filter((action) => action.includes('*'))).toEqual([]);
});

test('the service takes task sets from outside and nothing from a deployment', () => {
  template('trading').hasResource('AWS::ECS::Service', {
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
    Properties: {
      ServiceName: 'baton-production-alpha',
      DesiredCount: 2,
      DeploymentController: { Type: 'EXTERNAL' },
      TaskDefinition: Match.absent(),
    },
  });
});

test('images are immutable and scanned, and none is ever deleted by a rule', () => {
  const trading = template('trading');
  trading.resourceCountIs('AWS::ECR::Repository', 2);
  trading.allResourcesProperties('AWS::ECR::Repository', {
    ImageTagMutability: 'IMMUTABLE',
    ImageScanningConfiguration: { ScanOnPush: true },
    LifecyclePolicy: Match.absent(),
  });
});

test('three zones, three kinds of subnet, fixed addresses that outlive the stack, gateway endpoints, flow logs', () => {
  const network = template('network');
  network.resourceCountIs('AWS::EC2::Subnet', 9);
  network.resourceCountIs('AWS::EC2::NatGateway', 2);
  network.allResources('AWS::EC2::EIP', { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
  network.resourceCountIs('AWS::EC2::EIP', 2);
  network.resourceCountIs('AWS::EC2::VPCEndpoint', 2);
  network.allResourcesProperties('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Gateway' });
  network.resourceCountIs('AWS::EC2::FlowLog', 1);
});

test('nothing comes in to a trader; the cache is reached from traders and from what rotates its token, the database from functions, too', () => {
  const network = template('network');
  const ingress = Object.values(network.findResources('AWS::EC2::SecurityGroupIngress')).map(({ Properties }) => Properties);
  expect(new Set(ingress.map(({ FromPort, ToPort }) => `${FromPort}-${ToPort}`))).toEqual(new Set(['5432-5432', '6379-6379']));
  for (const { FromPort, SourceSecurityGroupId } of ingress) {
    expect(JSON.stringify(SourceSecurityGroupId)).toMatch(FromPort === 6379 ? /TraderSecurityGroup|CredentialSecurityGroup/ : /TraderSecurityGroup|DatabaseClientSecurityGroup|CredentialSecurityGroup/);
  }
  for (const { Properties } of Object.values(network.findResources('AWS::EC2::SecurityGroup'))) {
    expect(Properties).not.toHaveProperty('SecurityGroupIngress');
  }
});

test('PostgreSQL as required', () => {
  template('data').hasResource('AWS::RDS::DBInstance', {
    DeletionPolicy: 'Retain',
    Properties: {
      Engine: 'postgres', EngineVersion: '17', MultiAZ: true, StorageType: 'gp3', AllocatedStorage: '100', StorageEncrypted: true,
      BackupRetentionPeriod: 30, DeletionProtection: true, EnableCloudwatchLogsExports: ['postgresql', 'upgrade'],
      AutoMinorVersionUpgrade: false, ManageMasterUserPassword: Match.absent(),
    },
  });
  template('data').hasResourceProperties('AWS::RDS::DBParameterGroup', { Parameters: { 'rds.force_ssl': '1' } });
});

test('Redis as required', () => {
  template('data').hasResourceProperties('AWS::ElastiCache::ReplicationGroup', {
    TransitEncryptionEnabled: true, TransitEncryptionMode: Match.absent(), AtRestEncryptionEnabled: true, AutomaticFailoverEnabled: true,
    MultiAZEnabled: true, NumCacheClusters: 2, SnapshotRetentionLimit: 7, AuthToken: Match.anyValue(),
  });
});

test('no template needs a resource type that the CDK backs by a Lambda of its own', () => {
  const types = regions.flatMap((region) => stackNames.flatMap((name) =>
    Object.values(template(name, region).toJSON().Resources as Record<string, { Type: string }>).map(({ Type }) => Type),
  ));
  expect([...new Set(types)].filter((type) => /^Custom::|^AWS::CloudFormation::CustomResource$/.test(type))).toEqual(['Custom::BatonBook', 'Custom::BatonDatabaseRoles']);
});
