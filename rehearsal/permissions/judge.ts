/**
 * Judges every call of the local AWS by the policies that were deployed, and keeps what it decided: which grants are used,
 * which are not, and what was refused to whom. A test replays the decisions without each grant in turn.
 */
import type { Call, Caller } from '../cloud/model.ts';
import { accessesOf, iamService, type Access, type OwnContext, type Surroundings } from './accesses.ts';
import type { DeployedPolicies, NamedGrant } from './deployed-policies.ts';
import { decide, isSame, type AccessRequest, type Decision, type Grant, type Principal } from './evaluate.ts';
import type { Context } from './match.ts';
import { refusal } from './refusal.ts';

/** A request as it is written down: enough to judge it again. */
export interface RecordedAccess {
  /** Absent for a service's own. */
  readonly roleArn?: string;
  readonly service?: string;
  /** What a service acts for. */
  readonly sourceArn?: string;
  readonly region: string;
  readonly action: string;
  readonly resource: string;
  readonly context?: OwnContext;
}

export interface Refusal {
  /** A role's name, or a service's. */
  readonly role: string;
  readonly action: string;
  readonly resource: string;
  /** In AWS's words, and what could not be judged. */
  readonly reason: string;
}

export interface Expectation {
  readonly role: RegExp;
  readonly action: string;
}

interface Told extends Refusal {
  readonly expected: boolean;
}

export class Judge {
  readonly policies: DeployedPolicies;
  readonly #surroundings: Surroundings;
  readonly #now: () => Date;
  readonly #used: Grant[] = [];
  readonly #recorded = new Map<string, RecordedAccess>();
  readonly #refused = new Map<string, Told>();
  readonly #expectations: { readonly expectation: Expectation; met: boolean }[] = [];

  constructor(policies: DeployedPolicies, surroundings: Surroundings, now: () => Date) {
    this.policies = policies;
    this.#surroundings = surroundings;
    this.#now = now;
  }

  /** Throws what AWS answers when a policy does not let the call through. */
  async judge(call: Call): Promise<void> {
    const accesses = await accessesOf(call, this.#surroundings);
    if (accesses !== undefined) return this.authorize(call, accesses);
    const principal = this.#principal(call.caller);
    // An administrator may do all there is; of anybody else it is not known what the operation would ask for.
    if (principal.kind === 'user') return;
    const { role, name } = describe(principal);
    const refused = {
      action: `${iamService(call.service)}:${call.operation}`, resource: '*',
      reason: 'because nobody said what this operation asks permission for: add it to rehearsal/permissions/accesses.ts',
    };
    this.#tell({ role, ...refused });
    throw refusal({ service: call.service, by: name, ...refused });
  }

  /** The same of what a service does on somebody's behalf without a call of its own. */
  authorize({ caller, region, service }: Pick<Call, 'caller' | 'region' | 'service'>, accesses: readonly Access[]): void {
    const principal = this.#principal(caller);
    for (const access of accesses) {
      const { allowed, reason } = this.#decide(principal, caller, region, access);
      if (!allowed) {
        const { action, resource } = access;
        throw refusal({ service, by: describe(principal).name, action, resource, reason });
      }
    }
  }

  /** Whether a service of AWS may act with a role, for something of its own. */
  mayAssume(roleArn: string, service: string, sourceArn: string): boolean {
    const caller: Caller = { accessKeyId: service, service, sourceArn };
    const region = sourceArn.split(':')[3] ?? '';
    return this.#decide({ kind: 'service', name: service }, caller, region, { action: 'sts:AssumeRole', resource: roleArn }).allowed;
  }

  /** A scenario that proves a refusal says so beforehand. */
  expectRefusal(expectation: Expectation): void {
    this.#expectations.push({ expectation, met: false });
  }

  /** What was refused against expectation, or let through against it. */
  get surprises(): readonly Refusal[] {
    const letThrough = this.#expectations
      .filter(({ met }) => !met)
      .map(({ expectation: { role, action } }) => ({ role: role.source, action, resource: '*', reason: 'was to be refused, and was not' }));
    return [...[...this.#refused.values()].filter(({ expected }) => !expected).map(({ expected: _expected, ...refused }) => refused), ...letThrough];
  }

  /** Every decision that allowed something, once for each set of grants that it rests on. */
  get recorded(): readonly RecordedAccess[] {
    return [...this.#recorded.values()];
  }

  unusedGrants(): readonly NamedGrant[] {
    const unused = this.policies.grants().filter((grant) => !this.#used.some((used) => isSame(used, grant)));
    return unused.map((grant) => this.policies.named(grant));
  }

  #decide(principal: Principal, caller: Caller, region: string, access: Access): Decision {
    const recorded = recordOf(principal, caller, region, access);
    const { decision, unknown } = judgeRecorded(recorded, this.policies, this.#surroundings.accountId, { now: this.#now(), principal });
    if (decision.allowed) this.#use(decision, recorded);
    else {
      const doubts = unknown.length === 0 ? '' : `; not known: ${unknown.join('; ')}`;
      this.#tell({ role: describe(principal).role, action: access.action, resource: access.resource, reason: `${decision.reason}${doubts}` });
    }
    return decision;
  }

  #use({ grants }: Decision, recorded: RecordedAccess): void {
    const isNew = grants.some((grant) => !this.#used.some((used) => isSame(used, grant)));
    if (!isNew) return;
    this.#used.push(...grants.filter((grant) => !this.#used.some((used) => isSame(used, grant))));
    // What an administrator does rests on no grant of ours.
    if (recorded.roleArn !== undefined || recorded.service !== undefined) this.#recorded.set(JSON.stringify(recorded), recorded);
  }

  #tell(refused: Refusal): void {
    const expectation = this.#expectations.find(({ expectation: { role, action } }) => role.test(refused.role) && action === refused.action);
    if (expectation) expectation.met = true;
    this.#refused.set(`${refused.role} ${refused.action} ${refused.resource}`, { ...refused, expected: expectation !== undefined });
  }

  #principal(caller: Caller): Principal {
    return principalOf(caller, this.#surroundings.accountId);
  }
}

/** Judges what was written down, by the policies as they are, or less one grant. */
export function judgeRecorded(
  { service, sourceArn, region, action, resource, context, roleArn }: RecordedAccess,
  policies: DeployedPolicies,
  account: string,
  { now = new Date(), principal, without }: { readonly now?: Date; readonly principal?: Principal; readonly without?: Grant } = {},
): { readonly decision: Decision; readonly unknown: readonly string[] } {
  const caller: Caller = { accessKeyId: '', ...(roleArn && { roleArn }), ...(service && { service }), ...(sourceArn && { sourceArn }) };
  const who = principal ?? principalOf(caller, account);
  const request: AccessRequest = {
    principal: who, account, action, resource,
    context: contextOf({ who, account, region, now, ...(sourceArn && { sourceArn }), own: context ?? {} }),
  };
  const { policies: set, unknown } = policies.for(who, action, resource);
  const decision = decide(request, set, without);
  return { decision, unknown: [...unknown, ...decision.unknown] };
}

function recordOf(principal: Principal, { sourceArn }: Caller, region: string, { action, resource, context }: Access): RecordedAccess {
  const who =
    principal.kind === 'service'
      ? { service: principal.name, ...(sourceArn !== undefined && { sourceArn }) }
      : principal.kind === 'role' ? { roleArn: principal.arn } : {};
  return { ...who, region, action, resource, ...(context && { context }) };
}

/**
 * The keys that every request has here. The front stands for the TLS endpoints of AWS, so that every request is a secure
 * one. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
 */
function contextOf({ who, account, region, now, sourceArn, own }: {
  readonly who: Principal;
  readonly account: string;
  readonly region: string;
  readonly now: Date;
  readonly sourceArn?: string;
  readonly own: OwnContext;
}): Context {
  const ofService: OwnContext =
    who.kind === 'service'
      ? {
          'aws:PrincipalIsAWSService': 'true',
          'aws:PrincipalServiceName': who.name,
          'aws:SourceAccount': account,
          ...(sourceArn !== undefined && { 'aws:SourceArn': sourceArn }),
        }
      : {
          'aws:PrincipalIsAWSService': 'false',
          'aws:PrincipalAccount': account,
          'aws:PrincipalArn': who.arn,
          'aws:PrincipalType': who.kind === 'role' ? 'AssumedRole' : 'User',
          ...(who.kind === 'user' && { 'aws:username': who.arn.split('/').at(-1) ?? '' }),
        };
  const all: OwnContext = {
    'aws:CurrentTime': now.toISOString(),
    'aws:EpochTime': String(Math.floor(now.getTime() / 1000)),
    'aws:RequestedRegion': region,
    'aws:ResourceAccount': account,
    'aws:SecureTransport': 'true',
    ...ofService,
    ...own,
  };
  return new Map(Object.entries(all).map(([key, value]) => [key.toLowerCase(), typeof value === 'string' ? [value] : value]));
}

function principalOf({ roleArn, service, sessionName = 'local' }: Caller, account: string): Principal {
  if (service !== undefined) return { kind: 'service', name: service };
  if (roleArn === undefined) return { kind: 'user', arn: `arn:aws:iam::${account}:user/operator` };
  const name = roleArn.split('/').at(-1) ?? roleArn;
  return { kind: 'role', arn: roleArn, sessionArn: `arn:aws:sts::${account}:assumed-role/${name}/${sessionName}` };
}

/** By what a person knows the principal, and by what AWS's messages name it. */
function describe(principal: Principal): { readonly role: string; readonly name: string } {
  if (principal.kind === 'service') return { role: principal.name, name: principal.name };
  const role = principal.arn.split('/').at(-1) ?? principal.arn;
  return { role, name: principal.kind === 'role' ? principal.sessionArn : principal.arn };
}
