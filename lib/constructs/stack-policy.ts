/**
 * What a deployment may never replace or delete, because a running trader stands on it. The assembly carries it as
 * stack-policy.json, for `aws cloudformation set-stack-policy` (docs/deploy.md): CloudFormation then refuses
 * such an update whatever the templates say. The test of deployments judges every setting against the same list.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';

/** Each with what a trader loses without it. */
export const heldResourceTypes: Readonly<Record<string, string>> = {
  'AWS::ECS::Service': 'its task sets are the traders',
  'AWS::ECS::Cluster': 'the traders run in it',
  'AWS::IAM::Role': 'the task’s credentials',
  'AWS::IAM::Policy': 'what the task may do',
  'AWS::IAM::ManagedPolicy': 'what the task may never do',
  'AWS::DynamoDB::GlobalTable': 'the lease and the journal',
  'AWS::RDS::DBInstance': 'the ledger',
  'AWS::RDS::DBSubnetGroup': 'where the ledger is reached',
  'AWS::ElastiCache::ReplicationGroup': 'the rate-limit buckets',
  'AWS::ElastiCache::SubnetGroup': 'where the buckets are reached',
  'AWS::SecretsManager::Secret': 'the exchange key and the passwords',
  'AWS::KMS::Key': 'what the secrets and the ledger are encrypted with',
  'AWS::ECR::Repository': 'the image, when a task is started again',
  'AWS::SSM::Parameter': 'the record of which Region is home and what runs',
  'AWS::EC2::VPC': 'the network',
  'AWS::EC2::Subnet': 'the task’s network interface',
  'AWS::EC2::RouteTable': 'the way to the venue',
  'AWS::EC2::SubnetRouteTableAssociation': 'the way to the venue',
  'AWS::EC2::Route': 'the way to the venue',
  'AWS::EC2::NatGateway': 'the way to the venue, and every connection on it',
  'AWS::EC2::EIP': 'the address in the venue’s allow-list',
  'AWS::EC2::InternetGateway': 'the way to the venue',
  'AWS::EC2::VPCGatewayAttachment': 'the way to the venue',
  'AWS::EC2::VPCEndpoint': 'the way to the lease table',
  'AWS::EC2::SecurityGroup': 'whom the task may talk to',
  'AWS::EC2::SecurityGroupIngress': 'the way to database and cache',
  'AWS::EC2::SecurityGroupEgress': 'the way to database and cache',
  'AWS::Logs::LogGroup': 'where the task’s log goes',
};

/** The preflight compares what each stack has with this. */
export const stackPolicy = {
  Statement: [
    { Effect: 'Allow', Principal: '*', Action: 'Update:*', Resource: '*' },
    {
      Effect: 'Deny',
      Principal: '*',
      Action: ['Update:Replace', 'Update:Delete'],
      Resource: '*',
      Condition: { StringEquals: { ResourceType: Object.keys(heldResourceTypes) } },
    },
  ],
};

export function writeStackPolicy(directory: string): void {
  writeFileSync(path.join(directory, 'stack-policy.json'), `${JSON.stringify(stackPolicy, undefined, 2)}\n`);
}
