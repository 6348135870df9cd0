/**
 * The evaluation of policies against what AWS documents, page by page. Each row is a rule of a page; the page stands
 * above its table.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, grantsOf, type AccessRequest, type Principal } from '../../../rehearsal/permissions/evaluate.ts';
import { actionMatches, resourceMatches } from '../../../rehearsal/permissions/match.ts';
import { parsePolicy, PolicyError, type Policy } from '../../../rehearsal/permissions/policy.ts';

const account = '111122223333';
const table = `arn:aws:dynamodb:us-east-1:${account}:table/lease`;
const role: Principal = {
  kind: 'role', arn: `arn:aws:iam::${account}:role/trader`, sessionArn: `arn:aws:sts::${account}:assumed-role/trader/one`,
};
const user: Principal = { kind: 'user', arn: `arn:aws:iam::${account}:user/ada` };
const service: Principal = { kind: 'service', name: 'events.amazonaws.com' };

type Document = Record<string, unknown>;
const policy = (...statements: Document[]): Policy => parsePolicy('p', { Version: '2012-10-17', Statement: statements });
const allow = (more: Document = {}): Document => ({ Effect: 'Allow', Action: 'dynamodb:GetItem', Resource: table, ...more });
const deny = (more: Document = {}): Document => ({ ...allow(more), Effect: 'Deny' });
function request(more: Partial<Omit<AccessRequest, 'context'>> & { context?: Record<string, string | readonly string[]> } = {}): AccessRequest {
  const context = new Map(Object.entries(more.context ?? {}).map(([key, value]) => [key.toLowerCase(), [value].flat()] as const));
  return { principal: role, account, action: 'dynamodb:GetItem', resource: table, ...more, context };
}
const allowed = (statement: Document, of: AccessRequest = request()): boolean => decide(of, { identity: [policy(statement)] }).allowed;

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-single-account.html
describe('one account', () => {
  const byArn = allow({ Principal: { AWS: role.arn } });
  const nothing = policy();
  test.each([
    ['nothing allows', {}, 'because no identity-based policy allows the dynamodb:GetItem action'],
    ['an identity policy allows', { identity: [policy(allow())] }, ''],
    ['a deny overrides an allow of the same policy', { identity: [policy(allow(), deny())] }, 'with an explicit deny in an identity-based policy'],
    ['a deny overrides an allow of another one', { identity: [policy(allow()), policy(deny())] }, 'with an explicit deny in an identity-based policy'],
    ['a resource policy that names the role is enough', { resource: policy(byArn) }, ''],
    ['a resource policy that names the session is enough', { resource: policy(allow({ Principal: { AWS: role.sessionArn } })) }, ''],
    ['a resource policy for everybody is enough', { resource: policy(allow({ Principal: '*' })) }, ''],
    [
      'a resource policy that names the account leaves it to the identity policies',
      { resource: policy(allow({ Principal: { AWS: account } })) },
      'because no identity-based policy allows the dynamodb:GetItem action',
    ],
    ['and these allow', { resource: policy(allow({ Principal: { AWS: `arn:aws:iam::${account}:root` } })), identity: [policy(allow())] }, ''],
    ['a resource policy for another role changes nothing', { resource: policy(allow({ Principal: { AWS: `${role.arn}s` } })), identity: [policy(allow())] }, ''],
    ['a deny in the resource policy overrides', { resource: policy(deny({ Principal: '*' })), identity: [policy(allow())] }, 'with an explicit deny in a resource-based policy'],
    ['a boundary that allows lets through', { identity: [policy(allow())], boundary: policy(allow()) }, ''],
    ['a boundary allows nothing by itself', { identity: [nothing], boundary: policy(allow()) }, 'because no identity-based policy allows the dynamodb:GetItem action'],
    ['a boundary that does not allow', { identity: [policy(allow())], boundary: nothing }, 'because no permissions boundary allows the dynamodb:GetItem action'],
    ['a boundary that denies', { identity: [policy(allow())], boundary: policy(allow(), deny()) }, 'with an explicit deny in a permissions boundary'],
    ['a boundary limits what a resource policy gives to the role', { resource: policy(byArn), boundary: nothing }, 'because no permissions boundary allows the dynamodb:GetItem action'],
    ['but not what it gives to the session', { resource: policy(allow({ Principal: { AWS: role.sessionArn } })), boundary: nothing }, ''],
  ])('%s', (_rule, policies, reason) => {
    const decision = decide(request(), { identity: [], ...policies });
    expect(decision).toMatchObject({ allowed: reason === '', reason, unknown: [] });
  });

  test('a boundary does not limit what a resource policy gives to a user by name', () => {
    const policies = { identity: [], resource: policy(allow({ Principal: { AWS: user.kind === 'user' ? user.arn : '' } })), boundary: nothing };
    expect(decide(request({ principal: user }), policies).allowed).toBe(true);
  });
});

// https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
describe('keys and roles: what their own policy does not say, no identity policy can', () => {
  const key = `arn:aws:kms:us-east-1:${account}:key/1`;
  const decrypt = request({ action: 'kms:Decrypt', resource: key });
  const identity = [policy(allow({ Action: 'kms:Decrypt', Resource: key }))];
  const keyPolicy = (principal: unknown): Policy => policy({ Effect: 'Allow', Action: 'kms:*', Resource: '*', Principal: principal });
  const noSay = 'because no resource-based policy allows the kms:Decrypt action';
  test.each([
    ['no key policy that allows', policy(), identity, noSay],
    ['the account is named, and the identity policy allows', keyPolicy({ AWS: `arn:aws:iam::${account}:root` }), identity, ''],
    ['the account is named, and no identity policy allows', keyPolicy({ AWS: account }), [], 'because no identity-based policy allows the kms:Decrypt action'],
    ['the role is named', keyPolicy({ AWS: role.arn }), [], ''],
    ['another account is named', keyPolicy({ AWS: '999999999999' }), identity, noSay],
  ])('%s', (_rule, resource, ofRole, reason) => {
    expect(decide(decrypt, { identity: ofRole, resource, resourceMustAllow: true }).reason).toBe(reason);
  });
});

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html, …_notprincipal.html
describe('principals', () => {
  const by = (principal: Principal, element: Document): boolean =>
    decide(request({ principal }), { identity: [policy(allow())], resource: policy(element) }).allowed;
  test('a service is allowed only by a resource policy that names it', () => {
    const ofService = request({ principal: service });
    expect(decide(ofService, { identity: [policy(allow())] }).reason).toBe('because no resource-based policy allows the dynamodb:GetItem action');
    expect(decide(ofService, { identity: [], resource: policy(allow({ Principal: { Service: 'sns.amazonaws.com' } })) }).allowed).toBe(false);
    expect(decide(ofService, { identity: [], resource: policy(allow({ Principal: { Service: ['a', 'events.amazonaws.com'] } })) }).allowed).toBe(true);
  });
  test.each([
    ['exempts a role whose account, role and session are all named', [account, role.arn, role.sessionArn], true],
    ['does not exempt a role whose session is not named', [account, role.arn], false],
    ['does not exempt a role whose account is not named', [role.arn, role.sessionArn], false],
  ])('NotPrincipal %s', (_rule, names, expected) => {
    const { Principal: _none, ...statement } = deny();
    expect(by(role, { ...statement, NotPrincipal: { AWS: names } })).toBe(expected);
  });
  test('a statement of a resource policy without a principal concerns nobody', () => {
    expect(by(role, deny())).toBe(true);
  });
});

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html, …_resource.html
describe('actions and resources', () => {
  test.each([
    ['an action knows no case', { Action: 'DynamoDB:getitem' }, true],
    ['* is any text', { Action: 'dynamodb:Get*' }, true],
    ['* is no text too', { Action: 'dynamodb:GetItem*' }, true],
    ['? is one character', { Action: 'dynamodb:?etItem' }, true],
    ['? is not none', { Action: 'dynamodb:GetItem?' }, false],
    ['everything', { Action: '*', Resource: '*' }, true],
    ['another action', { Action: 'dynamodb:PutItem' }, false],
    ['one of several', { Action: ['a:b', 'dynamodb:GetItem'] }, true],
    ['a resource knows its case', { Resource: table.replace('lease', 'Lease') }, false],
    ['a resource that only begins so', { Resource: `${table}s` }, false],
    ['* at the end of a part goes on over colons', { Resource: 'arn:aws:dynamodb:*' }, true],
    ['* within a part does not', { Resource: 'arn:aws:d*b:table/lease' }, false],
    ['* within a part', { Resource: `arn:aws:dynamodb:us-*-1:${account}:table/lease` }, true],
    ['? is no colon', { Resource: `arn:aws:dynamodb?us-east-1:${account}:table/lease` }, false],
    ['a dot is a dot', { Resource: table.replace('/', '.') }, false],
  ])('%s', (_rule, more, expected) => expect(allowed(allow(more))).toBe(expected));

  test('NotAction and NotResource are all but these', () => {
    const { Action: _action, ...notAction } = allow({ NotAction: ['dynamodb:Put*', 's3:*'] });
    expect(allowed(notAction)).toBe(true);
    expect(allowed(notAction, request({ action: 'dynamodb:PutItem' }))).toBe(false);
    const { Resource: _resource, ...notResource } = allow({ NotResource: [`${table}s`] });
    expect(allowed(notResource)).toBe(true);
    expect(allowed(notResource, request({ resource: `${table}s` }))).toBe(false);
  });

  test.each([
    [{ Effect: 'Perhaps' }, 'Effect must be Allow or Deny'],
    [{ NotAction: 'a:b' }, 'Action and NotAction exclude each other'],
    [{ Resource: undefined }, 'neither Resource nor NotResource'],
    [{ Unheard: 1 }, "the element 'Unheard' is not known"],
  ])('a statement with %j is refused', (more, message) => {
    expect(() => policy(allow(more))).toThrow(PolicyError);
    expect(() => policy(allow(more))).toThrow(message);
  });
});

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
describe('conditions', () => {
  const source = 'aws:SourceArn';
  const one = (key: string, value: string | readonly string[]) => ({ [key]: value });
  const rule = (operator: string, key: string, values: unknown) => ({ [operator]: { [key]: values } });
  test.each([
    ['StringEquals', rule('StringEquals', 'aws:RequestedRegion', 'a'), one('aws:RequestedRegion', 'a'), true],
    ['StringEquals knows case', rule('StringEquals', 'aws:RequestedRegion', 'a'), one('aws:RequestedRegion', 'A'), false],
    ['StringEquals knows no wildcard', rule('StringEquals', 'aws:RequestedRegion', 'a*'), one('aws:RequestedRegion', 'ab'), false],
    ['several values are alternatives', rule('StringEquals', 'aws:RequestedRegion', ['a', 'b']), one('aws:RequestedRegion', 'b'), true],
    ['a key knows no case', rule('StringEquals', 'AWS:requestedregion', 'a'), one('aws:RequestedRegion', 'a'), true],
    ['a missing key does not match', rule('StringEquals', 'aws:RequestedRegion', 'a'), {}, false],
    ['a missing key with IfExists matches', rule('StringEqualsIfExists', 'aws:RequestedRegion', 'a'), {}, true],
    ['IfExists compares what exists', rule('StringEqualsIfExists', 'aws:RequestedRegion', 'a'), one('aws:RequestedRegion', 'b'), false],
    ['StringNotEquals', rule('StringNotEquals', 'aws:RequestedRegion', ['a', 'b']), one('aws:RequestedRegion', 'c'), true],
    ['StringNotEquals: none may match', rule('StringNotEquals', 'aws:RequestedRegion', ['a', 'b']), one('aws:RequestedRegion', 'b'), false],
    ['StringNotEquals and a missing key', rule('StringNotEquals', 'aws:RequestedRegion', 'a'), {}, true],
    ['StringEqualsIgnoreCase', rule('StringEqualsIgnoreCase', 'aws:RequestedRegion', 'A'), one('aws:RequestedRegion', 'a'), true],
    ['StringNotEqualsIgnoreCase', rule('StringNotEqualsIgnoreCase', 'aws:RequestedRegion', 'A'), one('aws:RequestedRegion', 'a'), false],
    ['StringLike', rule('StringLike', 'aws:RequestedRegion', 'us-*-?'), one('aws:RequestedRegion', 'us-east-1'), true],
    ['StringNotLike', rule('StringNotLike', 'aws:RequestedRegion', 'us-*'), one('aws:RequestedRegion', 'us-east-1'), false],
    ['ArnLike', rule('ArnLike', source, 'arn:aws:states:*:*:stateMachine:*'), one(source, 'arn:aws:states:r:1:stateMachine:x'), true],
    ['ArnLike: a wildcard stays in its part', rule('ArnLike', source, 'arn:aws:states:*'), one(source, 'arn:aws:states:r:1:stateMachine:x'), false],
    ['ArnEquals is the same', rule('ArnEquals', source, 'arn:aws:states:*:*:stateMachine:*'), one(source, 'arn:aws:states:r:1:stateMachine:x'), true],
    ['ArnNotLike', rule('ArnNotLike', source, 'arn:aws:a:::*'), one(source, 'arn:aws:a:::x'), false],
    ['ArnNotEquals and a missing key', rule('ArnNotEquals', source, 'arn:aws:a:::*'), {}, true],
    ['Bool', rule('Bool', 'aws:SecureTransport', 'true'), one('aws:SecureTransport', 'true'), true],
    ['Bool and another', rule('Bool', 'aws:SecureTransport', false), one('aws:SecureTransport', 'true'), false],
    ['Null: true wants it missing', rule('Null', 'aws:SourceArn', 'true'), {}, true],
    ['Null: true and it is there', rule('Null', 'aws:SourceArn', true), one(source, 'x'), false],
    ['Null: false wants it there', rule('Null', 'aws:SourceArn', 'false'), one(source, 'x'), true],
    ['NumericEquals', rule('NumericEquals', 'aws:EpochTime', '10'), one('aws:EpochTime', '10.0'), true],
    ['NumericLessThan', rule('NumericLessThan', 'aws:EpochTime', '10'), one('aws:EpochTime', '9'), true],
    ['NumericLessThan compares numbers', rule('NumericLessThan', 'aws:EpochTime', '9'), one('aws:EpochTime', '10'), false],
    ['NumericLessThanEquals', rule('NumericLessThanEquals', 'aws:EpochTime', '10'), one('aws:EpochTime', '10'), true],
    ['NumericGreaterThan', rule('NumericGreaterThan', 'aws:EpochTime', '10'), one('aws:EpochTime', '10'), false],
    ['NumericGreaterThanEquals', rule('NumericGreaterThanEquals', 'aws:EpochTime', '10'), one('aws:EpochTime', '10'), true],
    ['NumericNotEquals and no number', rule('NumericNotEquals', 'aws:EpochTime', '10'), {}, true],
    ['a text that is no number', rule('NumericLessThan', 'aws:EpochTime', '10'), one('aws:EpochTime', 'x'), false],
    ['DateLessThan', rule('DateLessThan', 'aws:CurrentTime', '2026-01-02T00:00:00Z'), one('aws:CurrentTime', '2026-01-01T00:00:00Z'), true],
    ['DateGreaterThan in seconds', rule('DateGreaterThan', 'aws:CurrentTime', '0'), one('aws:CurrentTime', '2026-01-01T00:00:00Z'), true],
    ['ForAnyValue', rule('ForAnyValue:StringEquals', 'dynamodb:LeadingKeys', ['a', 'b']), one('dynamodb:LeadingKeys', ['b', 'c']), true],
    ['ForAnyValue and a missing key', rule('ForAnyValue:StringEquals', 'dynamodb:LeadingKeys', 'a'), {}, false],
    ['ForAllValues', rule('ForAllValues:StringEquals', 'dynamodb:LeadingKeys', ['a', 'b']), one('dynamodb:LeadingKeys', ['a', 'b']), true],
    ['ForAllValues: one is foreign', rule('ForAllValues:StringEquals', 'dynamodb:LeadingKeys', 'a'), one('dynamodb:LeadingKeys', ['a', 'b']), false],
    ['ForAllValues and a missing key', rule('ForAllValues:StringEquals', 'dynamodb:LeadingKeys', 'a'), {}, true],
    ['ForAllValues and an empty set', rule('ForAllValues:StringEquals', 'dynamodb:LeadingKeys', 'a'), one('dynamodb:LeadingKeys', []), true],
    ['ForAnyValue of a negated operator', rule('ForAnyValue:StringNotEquals', 'dynamodb:LeadingKeys', 'a'), one('dynamodb:LeadingKeys', ['a', 'b']), true],
    ['ForAnyValue of a negated operator, all match', rule('ForAnyValue:StringNotEquals', 'dynamodb:LeadingKeys', 'a'), one('dynamodb:LeadingKeys', ['a']), false],
    ['an encryption context', rule('StringEquals', 'kms:EncryptionContext:SecretARN', 'x'), one('kms:EncryptionContext:SecretARN', 'x'), true],
    ['all keys of an operator must hold', { StringEquals: { 'aws:RequestedRegion': 'a', 'aws:SourceArn': 'b' } }, one('aws:RequestedRegion', 'a'), false],
    ['all operators must hold', { ...rule('StringEquals', 'aws:RequestedRegion', 'a'), ...rule('Bool', 'aws:SecureTransport', 'true') }, one('aws:RequestedRegion', 'a'), false],
    ['IpAddress is not carried by requests here, so it cannot be judged', rule('IpAddress', 'aws:SourceIp', '10.0.0.0/8'), {}, false],
  ])('%s', (_rule, Condition, context, expected) => {
    expect(allowed(allow({ Condition }), request({ context }))).toBe(expected);
  });

  test.each([
    ['operator', rule('StringSounds', 'aws:SourceArn', 'x'), "the condition operator 'StringSounds' is not known"],
    ['set operator', rule('ForSome:StringEquals', 'aws:SourceArn', 'x'), "the condition operator 'ForSome:StringEquals' is not known"],
    ['key', rule('StringEquals', 'aws:PrincipalOrgID', 'o'), "the condition key 'aws:PrincipalOrgID' is not known"],
    ['key with IfExists', rule('StringEqualsIfExists', 'aws:PrincipalOrgID', 'o'), "the condition key 'aws:PrincipalOrgID' is not known"],
    ['several values for a single-valued operator', rule('StringEquals', 'dynamodb:LeadingKeys', 'a'), 'use ForAllValues or ForAnyValue'],
  ])('an unknown %s refuses and says so, in an allow and in a deny', (_what, Condition, message) => {
    const of = request({ context: { 'dynamodb:LeadingKeys': ['a', 'a'] } });
    const inAllow = decide(of, { identity: [policy(allow({ Condition }))] });
    expect(inAllow.allowed).toBe(false);
    expect(inAllow.unknown).toEqual([expect.stringContaining(message)]);
    const inDeny = decide(of, { identity: [policy(allow(), deny({ Condition }))] });
    expect(inDeny.reason).toBe('with an explicit deny in an identity-based policy');
    expect(inDeny.unknown).toEqual([expect.stringContaining(message)]);
  });

  test('a condition that fails anyway leaves nothing unknown', () => {
    const Condition = { StringEquals: { 'aws:RequestedRegion': 'a', 'aws:PrincipalOrgID': 'o' } };
    expect(decide(request(), { identity: [policy(allow(), deny({ Condition }))] })).toMatchObject({ allowed: true, unknown: [] });
  });
});

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
describe('variables', () => {
  const tableOf = (name: string): string => table.replace('lease', name);
  const context = { 'aws:username': 'ada' };
  test.each([
    ['a variable in a resource', '${aws:username}', 'ada', context, true],
    ['another value', '${aws:username}', 'bob', context, false],
    ['no value: nothing matches', '${aws:username}', 'ada', {}, false],
    ['no value, but another for that case', "${aws:username, 'nobody'}", 'nobody', {}, true],
    ['a value is text, whatever it looks like', '${aws:username}', 'ada', { 'aws:username': '*' }, false],
    ['the star itself', 'x${*}', 'x*', {}, true],
    ['the star itself is no wildcard', 'x${*}', 'xy', {}, false],
    ['the dollar itself', '${$}{x', '${x', {}, true],
  ])('%s', (_rule, name, seen, given, expected) => {
    expect(allowed(allow({ Resource: tableOf(name) }), request({ resource: tableOf(seen), context: given }))).toBe(expected);
  });
  test('in a condition', () => {
    const Condition = { StringEquals: { 'dynamodb:LeadingKeys': '${aws:username}' } };
    expect(allowed(allow({ Condition }), request({ context: { ...context, 'dynamodb:LeadingKeys': 'ada' } }))).toBe(true);
    expect(allowed(allow({ Condition }), request({ context: { ...context, 'dynamodb:LeadingKeys': 'bob' } }))).toBe(false);
  });
  test('a policy of the old version, or of none, has none', () => {
    const old = parsePolicy('old', { Statement: allow({ Resource: tableOf('${aws:username}') }) });
    const asked = (name: string) => decide(request({ resource: tableOf(name), context }), { identity: [old] }).allowed;
    expect([asked('ada'), asked('${aws:username}')]).toEqual([false, true]);
  });
});

describe('grants', () => {
  const two = policy(allow({ Action: ['dynamodb:Get*', 'dynamodb:GetItem', 's3:*'], Resource: [table, `${table}s`] }));
  test('each pair of an action and a resource is one; a decision names those that allowed it', () => {
    expect(two.statements.flatMap((statement) => grantsOf(two, statement))).toHaveLength(6);
    expect(decide(request(), { identity: [two] }).grants.map(({ action, resource }) => [action, resource])).toEqual([
      ['dynamodb:Get*', table],
      ['dynamodb:GetItem', table],
    ]);
  });
  test('without one of two that allow, the other still does; without the only one, nothing does', () => {
    const [first] = decide(request(), { identity: [two] }).grants;
    expect(decide(request(), { identity: [two] }, first).allowed).toBe(true);
    const only = policy(allow());
    expect(decide(request(), { identity: [only] }, decide(request(), { identity: [only] }).grants[0]).allowed).toBe(false);
  });
});

describe('patterns', () => {
  /** The same by trying every place that a star can end at. */
  function matchesSlowly(pattern: string, text: string): boolean {
    if (pattern === '') return text === '';
    const [first, rest] = [pattern[0], pattern.slice(1)];
    if (first === '*') return Array.from({ length: text.length + 1 }, (_, at) => text.slice(at)).some((tail) => matchesSlowly(rest, tail));
    return text !== '' && (first === '?' || first === text[0]) && matchesSlowly(rest, text.slice(1));
  }
  const letters = (alphabet: string, maxLength: number) => fc.string({ unit: fc.constantFrom(...alphabet.split('')), maxLength });

  test('of actions and texts: as if every place was tried', () => {
    fc.assert(
      fc.property(letters('ab.*?$(', 8), letters('ab.$(', 8), (pattern, text) => {
        expect(actionMatches(pattern, text)).toBe(matchesSlowly(pattern, text));
      }),
      { numRuns: 2000 },
    );
  });

  test('of resources: whatever has its wildcards at the end of parts matches as a text does, and no pattern matches more', () => {
    fc.assert(
      fc.property(letters('ab:*?', 8), letters('ab:', 8), (pattern, text) => {
        const loose = matchesSlowly(pattern, text);
        const strict = resourceMatches(pattern, text, undefined);
        expect(loose || !strict).toBe(true);
        if (!pattern.includes('?') && !/\*[^:]/.test(pattern)) expect(strict).toBe(loose);
      }),
      { numRuns: 2000 },
    );
  });
});

// Whatever the policies are: more denies never allow more, and a boundary never does.
describe('laws', () => {
  const patterns = fc.constantFrom('dynamodb:GetItem', 'dynamodb:*', '*', 'dynamodb:PutItem', 's3:*', 'dynamodb:?etItem');
  const statement = fc.record({
    Effect: fc.constantFrom('Allow', 'Deny'),
    Action: fc.array(patterns, { minLength: 1, maxLength: 3 }),
    Resource: fc.constantFrom('*', table, `${table}s`, 'arn:aws:dynamodb:*'),
    Principal: fc.constantFrom<unknown>('*', { AWS: account }, { AWS: role.arn }, { Service: 'x.amazonaws.com' }),
  });
  const statements = fc.array(statement, { maxLength: 4 });
  const requests = fc.record({
    principal: fc.constantFrom(role, user, service),
    action: fc.constantFrom('dynamodb:GetItem', 'dynamodb:PutItem', 's3:GetObject'),
    resource: fc.constantFrom(table, `${table}s`),
  });
  test('of policies', () => {
    fc.assert(
      fc.property(statements, statements, statements, requests, fc.boolean(), (mine, its, bounds, asked, resourceMustAllow) => {
        const of = request(asked);
        const set = { identity: [policy(...mine)], resource: policy(...its), resourceMustAllow };
        const free = decide(of, set);
        const bounded = decide(of, { ...set, boundary: policy(...bounds) });
        expect(free.allowed || !bounded.allowed).toBe(true);
        const denying = policy(...mine, { Effect: 'Deny', Action: '*', Resource: '*' });
        expect(decide(of, { ...set, identity: [denying] }).allowed).toBe(false);
        expect(free.allowed).toBe(free.grants.length > 0);
        expect(free.allowed).toBe(free.reason === '');
        const { identity } = set;
        const { grants } = decide(of, { identity });
        if (grants.length === 1) expect(decide(of, { identity }, grants[0]).allowed).toBe(false);
      }),
    );
  });
});
