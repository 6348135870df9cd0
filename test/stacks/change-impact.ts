/**
 * What a deployment would do to each resource: two assemblies compared, every changed property classified by how
 * CloudFormation updates it. Replacements come from AWS's own resource specification, as the CDK's CLI carries it.
 * Updates in place are judged by the table below, because "in place" can still cut a connection; a property of a
 * resource that traders stand on and that neither knows is a failure, not a guess.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import { heldResourceTypes } from '../../lib/constructs/stack-policy.ts';

type Json = Readonly<Record<string, unknown>>;
interface Resource {
  readonly Type: string;
  readonly Properties?: Json;
}

export type Effect = 'none' | 'interrupts' | 'replaces' | 'removes' | 'elsewhere' | 'unknown';

export interface Impact {
  readonly stack: string;
  readonly logicalId: string;
  readonly type: string;
  /** Absent for a resource that is removed. */
  readonly property?: string;
  readonly effect: Effect;
  /** Whether a running trader stands on it. */
  readonly held: boolean;
}

/** In place: `none` when a running task cannot notice, `interrupts` when it can. */
const inPlace: Readonly<Record<string, (before: unknown, after: unknown) => Effect>> = {
  'AWS::RDS::DBInstance.AllocatedStorage': () => 'none',
  'AWS::RDS::DBInstance.BackupRetentionPeriod': (before, after) => (Number(before) > 0 && Number(after) > 0 ? 'none' : 'interrupts'),
  'AWS::RDS::DBInstance.DBInstanceClass': () => 'interrupts',
  'AWS::RDS::DBInstance.DeletionProtection': () => 'none',
  'AWS::ElastiCache::ReplicationGroup.CacheNodeType': () => 'interrupts',
  'AWS::ElastiCache::ReplicationGroup.NumCacheClusters': () => 'none',
  'AWS::ElastiCache::ReplicationGroup.SnapshotRetentionLimit': () => 'none',
  'AWS::Logs::LogGroup.RetentionInDays': () => 'none',
  // A table's replicas under strong consistency cannot be exchanged while it has data.
  'AWS::DynamoDB::GlobalTable.Replicas': (before, after) => (sameButTags(before, after) ? 'none' : 'interrupts'),
  'AWS::DynamoDB::GlobalTable.GlobalTableWitnesses': () => 'interrupts',
  'AWS::EC2::Route.NatGatewayId': () => 'interrupts',
  // More may be reached: no connection ends. Less: one can.
  'AWS::EC2::SecurityGroup.SecurityGroupEgress': (before, after) => (contains(after, before) ? 'none' : 'interrupts'),
  'AWS::IAM::Policy.PolicyDocument': (before, after) => (allowsAll(after, before) ? 'none' : 'interrupts'),
  // What people and tasks may do at most: nobody judged whether a running one lives on what changed.
  'AWS::IAM::ManagedPolicy.PolicyDocument': () => 'interrupts',
  'AWS::SecretsManager::Secret.ReplicaRegions': (before, after) => (contains(after, before) ? 'none' : 'interrupts'),
  'AWS::IAM::Role.Description': () => 'none',
  // Some are facts that machines write: nobody judged which of them this one is.
  'AWS::SSM::Parameter.Value': () => 'interrupts',
};

const specification = readSpecification();

/** Every change from one assembly to the other. */
export function impactsOf(before: CloudAssembly, after: CloudAssembly): Impact[] {
  const impacts: Impact[] = [];
  for (const stack of before.stacks) {
    const successor = after.stacks.find((candidate) => candidate.id === stack.id);
    if (successor === undefined || !isDeepStrictEqual(successor.environment, stack.environment)) {
      const type = 'AWS::CloudFormation::Stack';
      impacts.push({ stack: stack.id, logicalId: '*', type, effect: 'elsewhere', held: true });
      continue;
    }
    const resources = resourcesIn(successor.template);
    for (const [logicalId, resource] of Object.entries(resourcesIn(stack.template))) {
      const held = isHeld(resource, resourcesIn(stack.template));
      impacts.push(...changes(stack.id, logicalId, held, resource, resources[logicalId]));
    }
  }
  return impacts;
}

export function reachesTraders(impact: Impact): boolean {
  return impact.held && impact.effect !== 'none';
}

export function describeImpact(impact: Impact): string {
  const what = impact.property === undefined ? impact.type : `${impact.type}.${impact.property}`;
  return `${impact.stack} ${impact.logicalId} ${what}: ${impact.effect}`;
}

/** Of roles and policies, a trader stands on those of tasks alone. */
function isHeld(resource: Resource, stack: Readonly<Record<string, Resource>>): boolean {
  const ofTask = (role: Resource | undefined): boolean =>
    JSON.stringify(role?.Properties?.['AssumeRolePolicyDocument'] ?? '').includes('"ecs-tasks.amazonaws.com"');
  if (resource.Type === 'AWS::IAM::Role') return ofTask(resource);
  if (resource.Type === 'AWS::IAM::Policy') {
    return listOf(resource.Properties?.['Roles']).some((role) => ofTask(stack[(role as { Ref: string }).Ref]));
  }
  return Object.hasOwn(heldResourceTypes, resource.Type);
}

function changes(stack: string, logicalId: string, held: boolean, before: Resource, after: Resource | undefined): Impact[] {
  const type = before.Type;
  if (after === undefined || after.Type !== type) return [{ stack, logicalId, type, effect: 'removes', held }];
  const properties = new Set([...Object.keys(before.Properties ?? {}), ...Object.keys(after.Properties ?? {})]);
  return [...properties]
    .map((property) => ({ property, was: before.Properties?.[property], is: after.Properties?.[property] }))
    .filter(({ was, is }) => !isDeepStrictEqual(was, is))
    .map(({ property, was, is }) => ({ stack, logicalId, type, property, effect: effectOf(type, property, was, is, held), held }));
}

function effectOf(type: string, property: string, before: unknown, after: unknown, held: boolean): Effect {
  const replacement = specification.get(type)?.[property]?.causesReplacement;
  if (replacement === 'yes') return 'replaces';
  const known = inPlace[`${type}.${property}`];
  if (known !== undefined) return known(before, after);
  // Parameters that machines write are written again with any change, of a tag too.
  if (property === 'Tags') return type === 'AWS::SSM::Parameter' ? 'interrupts' : 'none';
  return held ? 'unknown' : 'none';
}

function resourcesIn(template: unknown): Readonly<Record<string, Resource>> {
  return (template as { Resources: Readonly<Record<string, Resource>> }).Resources;
}

function contains(whole: unknown, part: unknown): boolean {
  return listOf(part).every((wanted) => listOf(whole).some((candidate) => isDeepStrictEqual(candidate, wanted)));
}

/** Every statement of the former is still there. */
function allowsAll(after: unknown, before: unknown): boolean {
  return contains((after as { Statement?: unknown }).Statement, (before as { Statement?: unknown }).Statement);
}

function sameButTags(before: unknown, after: unknown): boolean {
  const bare = (value: unknown): unknown[] => listOf(value).map((replica) => ({ ...(replica as object), Tags: [] }));
  return isDeepStrictEqual(bare(before), bare(after));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

interface Property {
  readonly causesReplacement?: 'yes' | 'no' | 'maybe';
}

function readSpecification(): ReadonlyMap<string, Readonly<Record<string, Property>>> {
  const file = path.join(path.dirname(createRequire(import.meta.url).resolve('aws-cdk/package.json')), 'db.json.gz');
  const database = JSON.parse(gunzipSync(readFileSync(file)).toString()) as {
    schema: { resource: { entities: ReadonlyArray<{ cloudFormationType: string; properties: Record<string, Property> }> } };
  };
  return new Map(database.schema.resource.entities.map((resource) => [resource.cloudFormationType, resource.properties]));
}
