/**
 * Whether policies allow a request, by the evaluation logic that AWS documents for one account: an explicit deny wins;
 * then a resource policy that names the caller, or an identity policy within the permissions boundary.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
import { judgeCondition } from './conditions.ts';
import { actionMatches, resourceMatches, type Context } from './match.ts';
import type { Patterns, Policy, Principals, Statement } from './policy.ts';

export type Principal =
  | { readonly kind: 'role'; readonly arn: string; readonly sessionArn: string }
  | { readonly kind: 'user'; readonly arn: string }
  /** `events.amazonaws.com`; `sourceArn` is what it acts for. */
  | { readonly kind: 'service'; readonly name: string };

export interface AccessRequest {
  readonly principal: Principal;
  readonly account: string;
  /** `dynamodb:GetItem` */
  readonly action: string;
  /** An ARN, or `*` for an action that takes no resource. */
  readonly resource: string;
  readonly context: Context;
}

export interface PolicySet {
  readonly identity: readonly Policy[];
  /** Undefined: there is none, which bounds nothing. */
  readonly boundary?: Policy;
  readonly resource?: Policy;
  /**
   * Keys and roles: what their own policy does not say, no identity policy can. Elsewhere either is enough.
   * https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
   */
  readonly resourceMustAllow?: boolean;
}

/** One action on one resource of one statement: what a person would take away. */
export interface Grant {
  readonly policy: Policy;
  readonly statement: Statement;
  readonly action: string;
  readonly resource: string;
}

export interface Decision {
  readonly allowed: boolean;
  /** In AWS's words, from "because" or "with" on; empty when it is allowed. */
  readonly reason: string;
  /** The grants that allow it. */
  readonly grants: readonly Grant[];
  /** What could not be judged, and was taken for a refusal. */
  readonly unknown: readonly string[];
}

/** How a statement's principals name the caller. An account that is named hands the decision to its identity policies. */
type Naming = 'session' | 'caller' | 'account' | undefined;

interface Found {
  readonly denied: boolean;
  readonly grants: readonly Grant[];
  readonly unknown: readonly string[];
}

export function decide(request: AccessRequest, policies: PolicySet, without?: Grant): Decision {
  const { identity, boundary, resource, resourceMustAllow = false } = policies;
  const { principal, action } = request;
  const ofIdentity = identity.map((policy) => find(request, policy, () => true, without));
  const ofBoundary = boundary && find(request, boundary, () => true);
  const named = (wanted: readonly Naming[]) => (statement: Statement) => wanted.includes(naming(statement.principals, request));
  const everybody = ['session', 'caller', 'account'] as const;
  const ofResource = resource && find(request, resource, named(everybody), without);
  const unknown = [...ofIdentity, ...(ofBoundary ? [ofBoundary] : []), ...(ofResource ? [ofResource] : [])].flatMap((found) => found.unknown);
  const refused = (reason: string): Decision => ({ allowed: false, reason, grants: [], unknown });
  const allowed = (grants: readonly Grant[]): Decision => ({ allowed: true, reason: '', grants, unknown });

  if (ofIdentity.some(({ denied }) => denied)) return refused('with an explicit deny in an identity-based policy');
  if (ofBoundary?.denied) return refused('with an explicit deny in a permissions boundary');
  if (ofResource?.denied) return refused('with an explicit deny in a resource-based policy');

  const byResource = (wanted: readonly Naming[]): readonly Grant[] =>
    resource ? find(request, resource, named(wanted), without).grants : [];
  const bySession = byResource(principal.kind === 'role' ? ['session'] : ['session', 'caller']);
  // A boundary limits what a role is given by its ARN, and not what is given to the session or the user by name.
  if (bySession.length > 0) return allowed(bySession);
  if (principal.kind === 'service') return refused(`because no resource-based policy allows the ${action} action`);
  const within = ofBoundary === undefined || ofBoundary.grants.length > 0;
  const byName = byResource(['caller']);
  if (byName.length > 0) return within ? allowed(byName) : refused(`because no permissions boundary allows the ${action} action`);
  const delegated = byResource(['account']);
  if (resourceMustAllow && delegated.length === 0) return refused(`because no resource-based policy allows the ${action} action`);
  const byIdentity = ofIdentity.flatMap(({ grants }) => grants);
  if (byIdentity.length === 0) return refused(`because no identity-based policy allows the ${action} action`);
  return within ? allowed(byIdentity) : refused(`because no permissions boundary allows the ${action} action`);
}

/** What a policy says of the request. What cannot be judged allows nothing, and denies where it would deny. */
function find(request: AccessRequest, policy: Policy, concerns: (statement: Statement) => boolean, without?: Grant): Found {
  const grants: Grant[] = [];
  const unknown: string[] = [];
  let denied = false;
  for (const statement of policy.statements) {
    if (!concerns(statement)) continue;
    const matching = grantsOf(policy, statement).filter(
      (grant) =>
        !(without && isSame(grant, without)) &&
        hits(statement.actions, grant.action, (pattern) => actionMatches(pattern, request.action)) &&
        hits(statement.resources, grant.resource, (pattern) =>
          resourceMatches(pattern, request.resource, policy.substitutes ? request.context : undefined)),
    );
    if (matching.length === 0) continue;
    const verdicts = statement.conditions.map((condition) => judgeCondition(condition, request.context, policy.substitutes));
    if (verdicts.includes('fails')) continue;
    const doubts = verdicts.flatMap((verdict) => (typeof verdict === 'object' ? [verdict.unknown] : []));
    unknown.push(...doubts.map((doubt) => `${policy.name}, statement ${statement.name}: ${doubt}`));
    if (statement.effect === 'Deny') denied = true;
    else if (doubts.length === 0) grants.push(...matching);
  }
  return { denied, grants, unknown };
}

/** Every pair of an action and a resource; a negated list is one thing, which matches what none of it does. */
export function grantsOf(policy: Policy, statement: Statement): readonly Grant[] {
  const each = ({ negated, patterns }: Patterns): readonly string[] => (negated ? [`not ${patterns.join(', ')}`] : patterns);
  return each(statement.actions).flatMap((action) =>
    each(statement.resources).map((resource) => ({ policy, statement, action, resource })),
  );
}

export function isSame(one: Grant, other: Grant): boolean {
  return one.statement === other.statement && one.action === other.action && one.resource === other.resource;
}

function hits({ negated, patterns }: Patterns, one: string, matches: (pattern: string) => boolean): boolean {
  return negated ? !patterns.some(matches) : matches(one);
}

function naming(principals: Principals | undefined, { principal, account }: AccessRequest): Naming {
  if (principals === undefined) return undefined;
  const { negated, byKind } = principals;
  const accountNames = [account, `arn:aws:iam::${account}:root`];
  const aws = byKind['AWS'] ?? [];
  if (principal.kind === 'service') {
    const named = aws.includes('*') || (byKind['Service'] ?? []).includes(principal.name);
    return named === negated ? undefined : 'caller';
  }
  const byAccount = aws.some((name) => accountNames.includes(name));
  const byArn = aws.includes(principal.arn);
  const bySession = principal.kind === 'role' && aws.includes(principal.sessionArn);
  if (negated) {
    // Only who is exempted by every name that it has: session, role and account.
    const exempt = aws.includes('*') || (byAccount && byArn && (principal.kind === 'user' || bySession));
    return exempt ? undefined : 'caller';
  }
  if (bySession) return 'session';
  if (byArn || aws.includes('*')) return 'caller';
  return byAccount ? 'account' : undefined;
}
