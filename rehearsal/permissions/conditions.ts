/**
 * The condition operators, and the keys that requests here carry as AWS sets them. A condition with any other operator
 * or key cannot be judged: that is said, and taken for a refusal.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
 */
import { BlockList, isIPv6 } from 'node:net';
import { arnMatches, compile, textMatches, textOf, type Context } from './match.ts';
import type { Condition } from './policy.ts';

export type Verdict = 'holds' | 'fails' | { readonly unknown: string };

/** One value of the request against one of the policy. */
type Comparison = (value: string, wanted: string, context: Context | undefined) => boolean;

const filled = (wanted: string, context: Context | undefined): string | undefined => {
  const pattern = compile(wanted, context);
  return pattern && textOf(pattern);
};
const equals: Comparison = (value, wanted, context) => value === filled(wanted, context);
const equalsIgnoringCase: Comparison = (value, wanted, context) => value.toLowerCase() === filled(wanted, context)?.toLowerCase();
const like: Comparison = (value, wanted, context) => {
  const pattern = compile(wanted, context);
  return pattern !== undefined && textMatches(pattern, value);
};
const ordered =
  (read: (text: string) => number, compare: (value: number, wanted: number) => boolean): Comparison =>
  (value, wanted) =>
    compare(read(value), read(wanted));
const time = (text: string): number => (/^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text));
const inRange: Comparison = (value, wanted) => {
  const [address = '', bits] = wanted.split('/');
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  const range = new BlockList();
  range.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
  return range.check(value, isIPv6(value) ? 'ipv6' : 'ipv4');
};

const numbers: Readonly<Record<string, (value: number, wanted: number) => boolean>> = {
  Equals: (value, wanted) => value === wanted,
  LessThan: (value, wanted) => value < wanted,
  LessThanEquals: (value, wanted) => value <= wanted,
  GreaterThan: (value, wanted) => value > wanted,
  GreaterThanEquals: (value, wanted) => value >= wanted,
};
const comparisons: Readonly<Record<string, Comparison>> = {
  StringEquals: equals,
  StringEqualsIgnoreCase: equalsIgnoringCase,
  StringLike: like,
  ArnEquals: (value, wanted, context) => arnMatches(wanted, value, context),
  ArnLike: (value, wanted, context) => arnMatches(wanted, value, context),
  Bool: equalsIgnoringCase,
  IpAddress: inRange,
  ...Object.fromEntries(Object.entries(numbers).map(([name, compare]) => [`Numeric${name}`, ordered(Number, compare)])),
  ...Object.fromEntries(Object.entries(numbers).map(([name, compare]) => [`Date${name}`, ordered(time, compare)])),
};
/** The opposite of another operator: none of the values may match, and a key that is missing matches none. */
const opposites: Readonly<Record<string, string>> = {
  StringNotEquals: 'StringEquals',
  StringNotEqualsIgnoreCase: 'StringEqualsIgnoreCase',
  StringNotLike: 'StringLike',
  ArnNotEquals: 'ArnEquals',
  ArnNotLike: 'ArnLike',
  NumericNotEquals: 'NumericEquals',
  DateNotEquals: 'DateEquals',
  NotIpAddress: 'IpAddress',
};

/**
 * The keys that a request here carries when AWS's would: one that is not in a request is truly missing from it. Any other
 * key might be there at AWS, so a condition on it cannot be judged.
 */
const knownKeys = new Set(
  [
    'aws:CurrentTime', 'aws:EpochTime', 'aws:PrincipalAccount', 'aws:PrincipalArn', 'aws:PrincipalIsAWSService',
    'aws:PrincipalServiceName', 'aws:PrincipalType', 'aws:RequestedRegion', 'aws:ResourceAccount', 'aws:SecureTransport',
    'aws:SourceAccount', 'aws:SourceArn', 'aws:userid', 'aws:username',
    // Of what RDS restores and deletes, the tags are asked for.
    'aws:RequestTag/baton:temporary', 'aws:ResourceTag/baton:temporary', 'aws:TagKeys',
    'dynamodb:LeadingKeys',
    'ecs:CreateAction', 'ecs:cluster', 'ecs:service', 'ecs:task-definition',
    'iam:PassedToService',
    'kms:CallerAccount', 'kms:EncryptionContext:aws:sns:topicArn', 'kms:EncryptionContext:SecretARN', 'kms:ViaService',
    'secretsmanager:SecretId', 'secretsmanager:VersionStage',
    'ssm:Overwrite',
    's3:prefix',
    'sts:RoleSessionName',
  ].map((key) => key.toLowerCase()),
);

/** `substitutes`: whether the policy's version knows variables. */
export function judgeCondition({ operator, key, values }: Condition, context: Context, substitutes: boolean): Verdict {
  const [, set, base = '', ifExists] = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(operator) ?? [];
  const opposite = opposites[base];
  const comparison = comparisons[opposite ?? base];
  if (base !== 'Null' && !comparison) return { unknown: `the condition operator '${operator}' is not known` };
  if (!knownKeys.has(key.toLowerCase())) return { unknown: `the condition key '${key}' is not known` };
  const given = context.get(key.toLowerCase());
  if (base === 'Null') return values.some((value) => value.toLowerCase() === String(given === undefined)) ? 'holds' : 'fails';
  if (given === undefined || given.length === 0) {
    return ifExists !== undefined || set === 'ForAllValues' || (opposite !== undefined && set === undefined) ? 'holds' : 'fails';
  }
  if (set === undefined && given.length > 1) {
    return { unknown: `'${key}' has several values in this request, and '${operator}' is for one: use ForAllValues or ForAnyValue` };
  }
  const variables = substitutes ? context : undefined;
  const matches = (value: string): boolean => {
    const any = values.some((wanted) => comparison?.(value, wanted, variables));
    return opposite === undefined ? any : !any;
  };
  return (set === 'ForAnyValue' ? given.some(matches) : given.every(matches)) ? 'holds' : 'fails';
}
