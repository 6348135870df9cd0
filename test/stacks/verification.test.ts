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
    expect(allowed.toSorted()).toEqual(['dynamodb:Query', 's3:GetObject', 'secretsmanager:GetSecretValue']);
  });

  test('what was restored opens nothing itself, and answers the checker alone', () => {
    const groups = resources.filter(([, { Type }]) => Type === 'AWS::EC2::SecurityGroup');
    const [restored] = groups.find(([id]) => /Restored/.test(id)) ?? [''];
    const rules = ofType('AWS::EC2::SecurityGroupIngress').filter(({ Properties }) => JSON.stringify(Properties['GroupId']).includes(restored));
    expect(rules.map(({ Properties }) => [Properties['FromPort'], /Checker/.test(JSON.stringify(Properties['SourceSecurityGroupId']))])).toEqual([[5432, true], [6379, true]]);
    const egress = groups.find(([id]) => id === restored)?.[1].Properties['SecurityGroupEgress'] as { CidrIp: string }[];
    expect(egress).toEqual([expect.objectContaining({ CidrIp: '255.255.255.255/32' })]);
  });

  test('what verifies changes nothing but what has a name of a verification', () => {
    const writes: string[] = [];
    for (const { Properties } of ofType('AWS::IAM::Policy')) {
      const { Statement } = Properties['PolicyDocument'] as { Statement: { Effect: string; Action: unknown; Resource: unknown }[] };
      for (const statement of Statement) {
        const changes = many(statement.Action).filter((action) => /^(rds|elasticache|backup|dynamodb|ecs|ssm):(?!Describe|List|Get|Query)/.test(String(action)));
        if (changes.length === 0) continue;
        for (const resource of many(statement.Resource)) writes.push(JSON.stringify(resource));
      }
    }
    expect(writes.length).toBeGreaterThan(3);
    // Read by a restore: the snapshots of AWS Backup, where it goes, and what it has by default.
    const readByARestore = /:snapshot:awsbackup:\*|:subgrp:|subnetgroup|:pg:default|:og:default|parametergroup:default/;
    expect(writes.filter((resource) => !/:(db|replicationgroup):baton-production-verify-\*"/.test(resource) && !readByARestore.test(resource))).toEqual([]);
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
