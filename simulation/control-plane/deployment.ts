/** Deploys an assembly into models that run nothing, and keeps what was made of it: templates as CloudFormation would resolve them. */
import { tmpdir } from 'node:os';
import type { Settings } from '../../lib/settings/index.ts';
import { deploy } from '../../rehearsal/cloud/deploy.ts';
import type { CreatedResource, ResourceRequest, ServiceModel } from '../../rehearsal/cloud/model.ts';
import { createWorld } from '../../rehearsal/cloud/world.ts';
import { dynamodb } from '../../rehearsal/services/dynamodb.ts';
import { ecs } from '../../rehearsal/services/ecs.ts';
import { otherServices } from '../../rehearsal/services/index.ts';
import type { Made } from './deployed.ts';

/** What a seed's system is made of, or is judged by. */
const kept: ReadonlySet<string> = new Set([
  'AWS::DynamoDB::GlobalTable', 'AWS::ECR::Repository', 'AWS::ECS::Cluster', 'AWS::ECS::ClusterCapacityProviderAssociations', 'AWS::ECS::Service', 'AWS::ECS::TaskDefinition',
  'AWS::Events::Rule', 'AWS::IAM::ManagedPolicy', 'AWS::IAM::Policy', 'AWS::IAM::Role', 'AWS::KMS::Alias', 'AWS::KMS::Key', 'AWS::Lambda::Function', 'AWS::Lambda::Permission',
  'AWS::S3::Bucket', 'AWS::S3::BucketPolicy', 'AWS::SecretsManager::Secret', 'AWS::SNS::Topic', 'AWS::SNS::TopicPolicy', 'AWS::SSM::Parameter', 'AWS::StepFunctions::StateMachine',
]);

/** Instead of servers, and of what asks them. */
const withoutServers = (account: string): ServiceModel => ({
  service: 'servers', operations: {},
  resources: {
    'AWS::RDS::DBInstance': ({ region, properties }) => {
      const name = String(properties['DBInstanceIdentifier']);
      const endpoint = { 'Endpoint.Address': `${name}.${region}`, 'Endpoint.Port': '5432' };
      return { ref: name, attributes: { DBInstanceArn: `arn:aws:rds:${region}:${account}:db:${name}`, DbiResourceId: `db-${name}`, ...endpoint } };
    },
    'AWS::ElastiCache::ReplicationGroup': ({ region, properties }) => {
      const name = String(properties['ReplicationGroupId']);
      return { ref: name, attributes: { 'PrimaryEndPoint.Address': `${name}.${region}`, 'PrimaryEndPoint.Port': '6379' } };
    },
    'AWS::SecretsManager::SecretTargetAttachment': ({ properties }) => ({ ref: String(properties['SecretId']), attributes: {} }),
    'AWS::SecretsManager::RotationSchedule': ({ properties }) => ({ ref: String(properties['SecretId']), attributes: {} }),
  },
});

/** A custom resource's function does not run: it answers that it has. */
const answeredAtOnce = {
  endpoint: '',
  presignedPut: () => ({ url: '', body: Promise.resolve(JSON.stringify({ Status: 'SUCCESS', PhysicalResourceId: 'made' })) }),
  answerUnsigned: () => undefined,
  close: async () => undefined,
};

export async function deployedFrom(assemblyDirectory: string, { account, regions }: Settings): Promise<readonly Made[]> {
  const made: Made[] = [];
  const world = createWorld({
    seed: 1, accountId: account, regions: [regions.first.name, regions.second.name, regions.witness.name], latencies: { dynamodbReadMs: 0, dynamodbWriteMs: 0, otherMs: 0 },
    services: (of) => {
      const { models, functions } = otherServices(of, { servers: { directory: tmpdir() } as never, assetDirectory: (key) => key });
      const invoked: ServiceModel = { ...functions, operations: { ...functions.operations, Invoke: () => ({ StatusCode: 202 }) } };
      const tasks = ecs(of, { launcher: { kill: () => undefined } as never, images: new Map() });
      return [dynamodb(of), tasks, ...models.filter((model) => model !== functions), invoked, withoutServers(account)];
    },
  });
  try {
    for (const { name: region } of [regions.first, regions.second]) {
      const input = { Name: '/cdk-bootstrap/hnb659fds/version', Type: 'String', Value: '30' };
      await world.call({ service: 'ssm', operation: 'PutParameter', region, caller: world.operator.caller, input });
    }
    const resourceCreated = (request: ResourceRequest, created: CreatedResource): void => {
      if (kept.has(request.type)) made.push({ ...request, ...created });
    };
    await deploy({ assemblyDirectory, world: { ...world, resourceCreated }, front: answeredAtOnce });
  } finally {
    await world.close();
  }
  return made;
}
