/** IAM: roles and their policies as data, for whoever judges the recorded calls by them. */
import { createHash } from 'node:crypto';

import { AwsError, type ServiceModel, type World } from '../cloud/model.ts';
import { pageOf, type Page } from './pages.ts';

export interface Role {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: Date;
  readonly trust: unknown;
  readonly managedPolicyArns: string[];
  readonly boundaryArn: string | undefined;
  /** Inline policies and those attached by AWS::IAM::Policy, by name. */
  readonly policies: Map<string, unknown>;
}
export interface ManagedPolicy {
  readonly name: string;
  readonly document: unknown;
}
export interface Iam extends ServiceModel {
  /** By ARN. */
  readonly roles: ReadonlyMap<string, Role>;
  /** By ARN: those that templates make. */
  readonly managedPolicies: ReadonlyMap<string, ManagedPolicy>;
}

interface Paged {
  readonly Marker?: string;
  readonly MaxItems?: number;
}
interface RoleInput {
  readonly RoleName: string;
  readonly PolicyName?: string;
}
/** "If you do not include this parameter, the number of items defaults to 100." */
const page = { usual: 100, max: 1000 };

export function iam(world: World): Iam {
  const roles = new Map<string, Role>();
  const managedPolicies = new Map<string, ManagedPolicy>();
  const arnOf = (name: string, path = '/'): string => `arn:aws:iam::${world.accountId}:role${path}${name}`;

  function roleOf(name: string): Role {
    const found = [...roles.values()].find((role) => role.name === name);
    if (!found) throw new AwsError('NoSuchEntity', `The role with name ${name} cannot be found.`);
    return found;
  }

  const described = ({ name, arn, trust, createdAt, boundaryArn }: Role): Record<string, unknown> => ({
    RoleName: name,
    RoleId: roleIdOf(arn),
    Arn: arn,
    Path: arn.slice(arn.indexOf('/'), arn.lastIndexOf('/') + 1),
    CreateDate: createdAt,
    AssumeRolePolicyDocument: encoded(trust),
    MaxSessionDuration: 3600,
    ...(boundaryArn === undefined ? {} : { PermissionsBoundary: { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: boundaryArn } }),
  });

  return {
    service: 'iam',
    roles,
    managedPolicies,
    operations: {
      ListRoles: ({ PathPrefix = '/', ...asked }: Paged & { PathPrefix?: string }) => {
        const found = [...roles.values()].filter(({ arn }) => arn.split(':role')[1]?.startsWith(PathPrefix));
        const { elements, ...truncation } = paged(found, asked, ({ arn }) => arn);
        return { Roles: elements.map(described), ...truncation };
      },
      GetRole: ({ RoleName }: RoleInput) => ({ Role: described(roleOf(RoleName)) }),
      ListRolePolicies: ({ RoleName, ...asked }: Paged & RoleInput) => {
        const { elements, ...truncation } = paged([...roleOf(RoleName).policies.keys()], asked, (name) => name);
        return { PolicyNames: elements, ...truncation };
      },
      GetRolePolicy: ({ RoleName, PolicyName }: RoleInput) => {
        const document = roleOf(RoleName).policies.get(PolicyName ?? '');
        if (document === undefined) throw new AwsError('NoSuchEntity', `The role policy with name ${PolicyName ?? ''} cannot be found.`);
        return { RoleName, PolicyName, PolicyDocument: encoded(document) };
      },
      ListAttachedRolePolicies: ({ RoleName, ...asked }: Paged & RoleInput) => {
        const { elements, ...truncation } = paged(roleOf(RoleName).managedPolicyArns, asked, (arn) => arn);
        return { AttachedPolicies: elements.map((arn) => ({ PolicyArn: arn, PolicyName: arn.split('/').at(-1) })), ...truncation };
      },
    },
    resources: {
      'AWS::IAM::Role': ({ properties, generatedName }) => {
        const name = String(properties['RoleName'] ?? shortened(generatedName, 64));
        const arn = arnOf(name, properties['Path'] as string | undefined);
        if (roles.has(arn)) throw new AwsError('EntityAlreadyExists', `Role with name ${name} already exists.`);
        const inline = (properties['Policies'] ?? []) as ReadonlyArray<{ PolicyName: string; PolicyDocument: unknown }>;
        roles.set(arn, {
          name,
          arn,
          createdAt: world.now(),
          trust: properties['AssumeRolePolicyDocument'],
          managedPolicyArns: [...((properties['ManagedPolicyArns'] ?? []) as readonly string[])],
          boundaryArn: properties['PermissionsBoundary'] as string | undefined,
          policies: new Map(inline.map(({ PolicyName, PolicyDocument }) => [PolicyName, PolicyDocument])),
        });
        return { ref: name, attributes: { Arn: arn, RoleId: roleIdOf(arn) } };
      },
      'AWS::IAM::Policy': ({ properties, generatedName }) => {
        for (const name of (properties['Roles'] ?? []) as readonly string[]) {
          roleOf(name).policies.set(String(properties['PolicyName']), properties['PolicyDocument']);
        }
        return { ref: generatedName, attributes: {} };
      },
      'AWS::IAM::ManagedPolicy': ({ properties, generatedName }) => {
        const name = String(properties['ManagedPolicyName'] ?? shortened(generatedName, 128));
        const arn = `arn:aws:iam::${world.accountId}:policy${(properties['Path'] as string | undefined) ?? '/'}${name}`;
        managedPolicies.set(arn, { name, document: properties['PolicyDocument'] });
        for (const role of (properties['Roles'] ?? []) as readonly string[]) roleOf(role).managedPolicyArns.push(arn);
        return { ref: arn, attributes: { PolicyArn: arn } };
      },
    },
  };
}

function paged<Element>(
  all: readonly Element[], { Marker, MaxItems = page.usual }: Paged, keyOf: (element: Element) => string,
): { readonly elements: Page<Element>['elements']; readonly IsTruncated: boolean; readonly Marker: string | undefined } {
  const { elements, next } = pageOf(all, { token: Marker, size: MaxItems, sizeMax: page.max, keyOf, invalidToken: 'ValidationError' });
  return { elements, IsTruncated: next !== undefined, Marker: next };
}

/** IAM answers with policy documents encoded as URLs are. */
function encoded(document: unknown): string {
  return encodeURIComponent(JSON.stringify(document));
}

function roleIdOf(arn: string): string {
  return `AROA${createHash('sha256').update(arn).digest('hex').slice(0, 17).toUpperCase()}`;
}

/** What makes a generated name unique is its end, which stays. */
function shortened(generatedName: string, charactersMax: number): string {
  const end = generatedName.slice(-13);
  return generatedName.length <= charactersMax ? generatedName : `${generatedName.slice(0, charactersMax - end.length)}${end}`;
}
