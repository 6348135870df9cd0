/**
 * What is restored for a verification can reach nothing and be taken for nothing: said on the templates, whatever the code that made them says. And nothing
 * that verifies may change what is in use.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { assemblyOf } from '../assemblies.ts';

interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, any>>;
}
const { directory } = assemblyOf('production');
const regions = ['us-east-1', 'us-west-2'];
const resourcesOf = (stack: string, region: string): readonly (readonly [string, Resource])[] =>
  Object.entries((JSON.parse(readFileSync(path.join(directory, `baton-production-${stack}-${region}.template.json`), 'utf8')) as { Resources: Record<string, Resource> }).Resources);
const many = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : [value]);

describe.each(regions)('in %s', (region) => {
  const resources = resourcesOf('verification', region);
  const ofType = (type: string): readonly Resource[] => resources.filter(([, { Type }]) => Type === type).map(([, each]) => each);

  test('the network has no way out: no route, no gateway, no peering, no address', () => {
    const ways = ['Route', 'InternetGateway', 'NatGateway', 'VPCGatewayAttachment', 'VPCPeeringConnection', 'TransitGatewayAttachment', 'EgressOnlyInternetGateway', 'VPNGateway', 'EIP'];
    expect(resources.filter(([, { Type }]) => ways.some((way) => Type === `AWS::EC2::${way}`)).map(([id]) => id)).toEqual([]);
    expect(ofType('AWS::EC2::VPC').length).toBe(1);
    expect(ofType('AWS::EC2::Subnet').map(({ Properties }) => Properties['MapPublicIpOnLaunch'])).toEqual([false, false]);
    // Nor does any other stack lead there.
    for (const stack of ['network', 'data', 'trading', 'recovery', 'backups']) {
      expect(JSON.stringify(resourcesOf(stack, region))).not.toMatch(/baton-production-verification:ExportsOutput\w*(Vpc|SecurityGroup)/);
    }
  });

  test('its endpoints let through the evidence, the journal and one secret, and nothing else', () => {
    const allowed = ofType('AWS::EC2::VPCEndpoint').map(({ Properties }) => (Properties['PolicyDocument'] as { Statement: { Action: unknown }[] }).Statement.map(({ Action }) => Action).join());
    const pull = 'ecr:BatchCheckLayerAvailability,ecr:BatchGetImage,ecr:GetDownloadUrlForLayer,ecr:GetAuthorizationToken';
    expect(allowed.toSorted()).toEqual([
      'dynamodb:Query,dynamodb:DeleteItem,dynamodb:PutItem,dynamodb:Query,dynamodb:UpdateItem', pull, pull, 'logs:CreateLogStream,logs:PutLogEvents', 's3:GetObject,s3:GetObject',
      'secretsmanager:GetSecretValue',
    ]);
    const [, writing] = (ofType('AWS::EC2::VPCEndpoint').map(({ Properties }) => (Properties['PolicyDocument'] as { Statement: { Action: unknown; Condition: unknown }[] }).Statement)
      .find(([first]) => String(first?.Action).startsWith('dynamodb')))!;
    expect(writing!.Condition).toMatchObject({ 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': 'drill' }, Null: { 'dynamodb:LeadingKeys': 'false' } });
  });

  test('what was restored opens nothing itself, and answers the checker and the shadow trader alone', () => {
    const groups = resources.filter(([, { Type }]) => Type === 'AWS::EC2::SecurityGroup');
    const [restored] = groups.find(([id]) => /Restored/.test(id)) ?? [''];
    const rules = ofType('AWS::EC2::SecurityGroupIngress').filter(({ Properties }) => JSON.stringify(Properties['GroupId']).includes(restored));
    const whoAt = rules.map(({ Properties }) => `${/(Checker|Shadow)/.exec(JSON.stringify(Properties['SourceSecurityGroupId']))?.[1]} at ${Properties['FromPort']}`);
    expect(new Set(whoAt)).toEqual(new Set(['Checker at 5432', 'Checker at 6379', 'Shadow at 5432']));
    expect(whoAt.length).toBe(3);
    const egress = groups.find(([id]) => id === restored)?.[1].Properties['SecurityGroupEgress'] as { CidrIp: string }[];
    expect(egress).toEqual([expect.objectContaining({ CidrIp: '255.255.255.255/32' })]);
  });

  /** What is changed of databases, caches, backups, tables, tasks and parameters, by those whose policies have such an id. */
  const writesOf = (whose: (policyId: string) => boolean): readonly { readonly resource: string; readonly condition: unknown }[] => {
    const writes: { resource: string; condition: unknown }[] = [];
    for (const [, { Properties }] of resources.filter(([policyId, { Type }]) => Type === 'AWS::IAM::Policy' && whose(policyId))) {
      const { Statement } = Properties['PolicyDocument'] as { Statement: { Effect: string; Action: unknown; Resource: unknown; Condition?: unknown }[] };
      for (const statement of Statement) {
        const changes = many(statement.Action).filter((action) => /^(rds|elasticache|backup|dynamodb|ecs|ssm):(?!Describe|List|Get|Query)/.test(String(action)));
        if (changes.length === 0) continue;
        for (const resource of many(statement.Resource)) writes.push({ resource: JSON.stringify(resource), condition: statement.Condition });
      }
    }
    return writes;
  };
  // Read by a restore: the snapshots of AWS Backup, where it goes, and what it has by default.
  const readByARestore = /:snapshot:awsbackup:\*|:subgrp:|subnetgroup|:pg:default|:og:default|parametergroup:default/;
  const isOfADrill = (policyId: string): boolean => policyId.startsWith('Drill');

  test('what verifies changes nothing but what has a name of a verification', () => {
    const writes = writesOf((policyId) => !isOfADrill(policyId)).map(({ resource }) => resource);
    expect(writes.length).toBeGreaterThan(3);
    expect(writes.filter((resource) => !/:(db|replicationgroup):baton-production-verify-\*"/.test(resource) && !readByARestore.test(resource))).toEqual([]);
  });

  test('what drills changes nothing but what has a name of a drill, and of the tables the shadow book alone', () => {
    const writes = writesOf(isOfADrill).filter(({ resource }) => !readByARestore.test(resource));
    const isOfTables = ({ resource }: { readonly resource: string }): boolean => /baton-production-trading-state|:table\/baton-production-/.test(resource);
    expect(writes.filter(isOfTables).map(({ condition }) => JSON.stringify(condition)).filter((each) => !/"dynamodb:LeadingKeys":(\["drill"\]|"drill")/.test(each) || /alpha/.test(each))).toEqual([]);
    expect(writes.filter(isOfTables).length).toBeGreaterThan(2);
    const named = /:db:baton-production-drill-\*"|:task-definition\/baton-production-alpha-drill:\*"|:task\/baton-production-drills\/\*"/;
    expect(writes.filter((write) => !isOfTables(write) && !named.test(write.resource)).map(({ resource }) => resource)).toEqual([]);
  });

  test('the shadow trader reads its own two secrets, and no key of a real venue', () => {
    const roles = resources.filter(([id, { Type }]) => Type === 'AWS::IAM::Policy' && /^DrillTask.*TaskRole/.test(id));
    expect(roles.length).toBe(1);
    const read = roles.flatMap(([, { Properties }]) => (Properties['PolicyDocument'] as { Statement: { Action: unknown; Resource: unknown }[] }).Statement)
      .filter(({ Action }) => many(Action).includes('secretsmanager:GetSecretValue')).flatMap(({ Resource }) => many(Resource));
    expect(read.map((each) => JSON.stringify(each)).map((each) => /Shadow(Venue|Database)Secret/.exec(each)?.[1])).toEqual(['Database', 'Venue']);
  });

  test('who looks into a copy cannot open the ledger', () => {
    const policies = resources.filter(([id, { Type }]) => Type === 'AWS::IAM::Policy' && /VerificationCheckFunction|VerificationCheckRole/.test(id));
    expect(policies.length).toBe(1);
    const secrets = JSON.stringify(policies).match(/secretsmanager:GetSecretValue.{0,200}/)?.[0] ?? '';
    expect(secrets).toMatch(/CheckSecret/);
    expect(secrets).not.toMatch(/database/);
  });

  test('evidence is sealed where real money is', () => {
    const [bucket] = ofType('AWS::S3::Bucket');
    expect(bucket?.Properties['ObjectLockConfiguration']).toEqual({ ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Days: 30, Mode: 'COMPLIANCE' } } });
  });
});
