/**
 * The policies of what was deployed: of each role, and of each resource that has one of its own. The templates are their
 * only source; a managed policy that no template makes is not known, and allows nothing.
 */
import type { CreatedResource, ResourceRequest } from '../cloud/model.ts';
import type { Iam, Role } from '../services/iam.ts';
import { grantsOf, type Grant, type PolicySet, type Principal } from './evaluate.ts';
import { parsePolicy, type Policy } from './policy.ts';

/** A grant as a person finds it in a template: who may do what to what. */
export interface NamedGrant {
  readonly role: string;
  readonly action: string;
  readonly resource: string;
}

/** Where the template of a resource type holds a resource policy, and of which resources it is. */
type Holder = (properties: Record<string, any>, created: CreatedResource, logicalId: string) => readonly (readonly [resourceArn: unknown, document: unknown])[];
const holders: Readonly<Record<string, Holder>> = {
  'AWS::ECR::Repository': ({ RepositoryPolicyText }, { attributes }) => [[attributes['Arn'], RepositoryPolicyText]],
  'AWS::KMS::Key': ({ KeyPolicy }, { attributes }) => [[attributes['Arn'], KeyPolicy]],
  'AWS::Lambda::Permission': (properties, _created, logicalId) => [[properties['FunctionName'], permissionDocument(properties, logicalId)]],
  'AWS::S3::BucketPolicy': ({ Bucket, PolicyDocument }) => [[`arn:aws:s3:::${String(Bucket)}`, PolicyDocument]],
  'AWS::SNS::TopicPolicy': ({ Topics, PolicyDocument }) => (Topics as readonly string[]).map((topic) => [topic, PolicyDocument]),
  'AWS::SecretsManager::ResourcePolicy': ({ SecretId, ResourcePolicy }) => [[SecretId, ResourcePolicy]],
};

/** Whoever has the account: the person at the keyboard, and CloudFormation on that person's behalf. */
const administrator = parsePolicy('AdministratorAccess', {
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Action: '*', Resource: '*' },
});
const nothing: Policy = { name: 'nothing', substitutes: true, statements: [] };

export class DeployedPolicies {
  readonly #iam: Pick<Iam, 'roles' | 'managedPolicies'>;
  /** By the ARN of the resource; a function may have several. */
  readonly #ofResources = new Map<string, Policy>();
  readonly #parsed = new WeakMap<object, Policy>();

  constructor(iam: Pick<Iam, 'roles' | 'managedPolicies'>) {
    this.#iam = iam;
  }

  /** Keeps the policy of a resource that was just made, if it has one. */
  resourceCreated({ type, properties, logicalId, stackName }: ResourceRequest, created: CreatedResource): void {
    for (const [resourceArn, document] of holders[type]?.(properties, created, logicalId) ?? []) {
      if (document === undefined) continue;
      const policy = parsePolicy(`${logicalId} of ${stackName}`, document, true);
      const before = this.#ofResources.get(String(resourceArn));
      const statements = [...(before?.statements ?? []), ...policy.statements];
      this.#ofResources.set(String(resourceArn), { ...policy, statements });
    }
  }

  /** What decides on a request of this principal, and what of it is not known. */
  for(principal: Principal, action: string, resource: string): { readonly policies: PolicySet; readonly unknown: readonly string[] } {
    const { identity, boundary, unknown } = this.#ofPrincipal(principal);
    const ofResource = action === 'sts:AssumeRole' ? this.#trust(resource) : this.#ofResources.get(policyHolder(resource));
    const policies: PolicySet = {
      identity,
      ...(boundary && { boundary }),
      ...(ofResource && { resource: ofResource }),
      // A key without a policy of its own is AWS's or nobody's: its absence must not open it.
      resourceMustAllow: action.startsWith('kms:') || action === 'sts:AssumeRole',
    };
    return { policies, unknown };
  }

  /** Everything that an allowing statement gives to a role, or to a service of AWS. What hands on to the account gives nothing. */
  grants(): readonly Grant[] {
    const ofRoles = [...this.#iam.roles.values()].flatMap((role) => [...this.#identity(role).policies, this.#trust(role.arn) ?? nothing]);
    const all = [...ofRoles, ...this.#ofResources.values()];
    return all.flatMap((policy) =>
      policy.statements
        .filter(({ effect, principals }) => effect === 'Allow' && (principals === undefined || principals.byKind['Service'] !== undefined))
        .flatMap((statement) => grantsOf(policy, statement)),
    );
  }

  named({ policy, statement, action, resource }: Grant): NamedGrant {
    const services = statement.principals?.byKind['Service'];
    if (services !== undefined) {
      return { role: services.join(', '), action, resource: resource === '*' ? `statement ${statement.name} of ${policy.name}` : resource };
    }
    return { role: policy.name.split(' of role ')[1] ?? policy.name, action, resource };
  }

  #ofPrincipal(principal: Principal): { readonly identity: readonly Policy[]; readonly boundary?: Policy; readonly unknown: readonly string[] } {
    if (principal.kind === 'service') return { identity: [], unknown: [] };
    if (principal.kind === 'user') return { identity: [administrator], unknown: [] };
    const role = this.#iam.roles.get(principal.arn);
    if (role === undefined) return { identity: [], unknown: [`the role ${principal.arn} is not known: neither a template nor a scenario makes it`] };
    const { policies, unknown } = this.#identity(role);
    if (role.boundaryArn === undefined) return { identity: policies, unknown };
    const boundary = this.#managed(role.boundaryArn);
    const notKnown = boundary === undefined ? [`the permissions boundary ${role.boundaryArn} is not known`] : [];
    return { identity: policies, boundary: boundary ?? nothing, unknown: [...unknown, ...notKnown] };
  }

  #identity(role: Role): { readonly policies: readonly Policy[]; readonly unknown: readonly string[] } {
    const managed = role.managedPolicyArns.map((arn) => [arn, this.#managed(arn, ` of role ${role.name}`)] as const);
    const inline = [...role.policies].map(([name, document]) => this.#parse(`${name} of role ${role.name}`, document));
    return {
      policies: [...inline, ...managed.flatMap(([, policy]) => policy ?? [])],
      unknown: managed.filter(([, policy]) => policy === undefined).map(([arn]) => `the managed policy ${arn} is not known`),
    };
  }

  #managed(arn: string, owner = ''): Policy | undefined {
    const found = this.#iam.managedPolicies.get(arn);
    return found && this.#parse(`${found.name}${owner}`, found.document);
  }

  #trust(roleArn: string): Policy | undefined {
    const role = this.#iam.roles.get(roleArn);
    return role && this.#parse(role.name, role.trust);
  }

  /** A statement is told by its identity: the same document is read once for each name. */
  #parse(name: string, document: unknown): Policy {
    const known = this.#parsed.get(document as object);
    if (known?.name === name) return known;
    const policy = parsePolicy(name, document, true);
    this.#parsed.set(document as object, policy);
    return policy;
  }
}

/** An object's policy is its bucket's, a version's its function's. */
function policyHolder(resource: string): string {
  if (resource.startsWith('arn:aws:s3:::')) return resource.split('/')[0] ?? resource;
  return resource.includes(':function:') ? resource.split(':').slice(0, 7).join(':') : resource;
}

/** A permission of Lambda is a statement in other words. */
function permissionDocument({ Action, Principal, SourceArn, SourceAccount }: Record<string, any>, logicalId: string): unknown {
  const principal = String(Principal);
  const conditions = {
    ...(SourceArn === undefined ? {} : { ArnLike: { 'aws:SourceArn': SourceArn as string } }),
    ...(SourceAccount === undefined ? {} : { StringEquals: { 'aws:SourceAccount': SourceAccount as string } }),
  };
  const who = principal.includes('.amazonaws.com') ? { Service: principal } : { AWS: principal };
  return { Version: '2012-10-17', Statement: [{ Sid: logicalId, Effect: 'Allow', Principal: who, Action: Action as string, Condition: conditions }] };
}
