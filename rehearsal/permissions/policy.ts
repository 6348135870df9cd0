/**
 * An IAM policy document as statements that can be compared: every shorthand of the grammar spelled out, and whatever
 * this evaluator does not know kept as a word about it, so that it denies and says so.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */

/** `Action` or `NotAction`, `Resource` or `NotResource`. */
export interface Patterns {
  readonly negated: boolean;
  readonly patterns: readonly string[];
}

export interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

/** By kind: `AWS`, `Service`. `*` stands for everybody under `AWS`. */
export interface Principals {
  readonly negated: boolean;
  readonly byKind: Readonly<Record<string, readonly string[]>>;
}

export interface Statement {
  /** Its `Sid`, or its place. */
  readonly name: string;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: Patterns;
  readonly resources: Patterns;
  /** Only resource policies have them. */
  readonly principals?: Principals;
  readonly conditions: readonly Condition[];
}

export interface Policy {
  /** For people: which policy of whom. */
  readonly name: string;
  /** Policy variables are text before this version. */
  readonly substitutes: boolean;
  readonly statements: readonly Statement[];
}

export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

type Json = Record<string, unknown>;
const elements = new Set([
  'Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Principal', 'NotPrincipal', 'Condition',
]);

/** `everyResource` is what a statement without `Resource` is about: the resource or role that the policy is attached to. */
export function parsePolicy(name: string, document: unknown, everyResource = false): Policy {
  const { Version, Statement: given } = (typeof document === 'string' ? JSON.parse(document) : document) as Json;
  const statements = many(given).map((statement, index) => parseStatement(name, statement as Json, index, everyResource));
  return { name, substitutes: Version === '2012-10-17', statements };
}

function parseStatement(policy: string, statement: Json, index: number, everyResource: boolean): Statement {
  const name = typeof statement['Sid'] === 'string' ? statement['Sid'] : String(index + 1);
  const refuse = (what: string): never => {
    throw new PolicyError(`statement ${name} of ${policy}: ${what}`);
  };
  for (const element of Object.keys(statement)) if (!elements.has(element)) refuse(`the element '${element}' is not known`);
  const effect = statement['Effect'];
  if (effect !== 'Allow' && effect !== 'Deny') return refuse(`Effect must be Allow or Deny, seen ${JSON.stringify(effect)}`);
  const either = (element: 'Action' | 'Resource'): Patterns => {
    const [plain, negated] = [statement[element], statement[`Not${element}`]];
    if (plain !== undefined && negated !== undefined) refuse(`${element} and Not${element} exclude each other`);
    if (plain === undefined && negated === undefined) {
      return element === 'Resource' && everyResource ? { negated: false, patterns: ['*'] } : refuse(`neither ${element} nor Not${element}`);
    }
    return { negated: plain === undefined, patterns: many(plain ?? negated).map(String) };
  };
  const principals = principalsOf(statement['Principal'], false) ?? principalsOf(statement['NotPrincipal'], true);
  return {
    name,
    effect,
    actions: either('Action'),
    resources: either('Resource'),
    ...(principals && { principals }),
    conditions: Object.entries((statement['Condition'] ?? {}) as Record<string, Json>).flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, values]) => ({ operator, key, values: many(values).map(String) })),
    ),
  };
}

function principalsOf(given: unknown, negated: boolean): Principals | undefined {
  if (given === undefined) return undefined;
  if (given === '*') return { negated, byKind: { AWS: ['*'] } };
  const byKind = Object.entries(given as Json).map(([kind, names]) => [kind, many(names).map(String)] as const);
  return { negated, byKind: Object.fromEntries(byKind) };
}

function many(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly unknown[]) : [value];
}
