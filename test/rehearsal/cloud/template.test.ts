import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  holds,
  referencesIn,
  resolve,
  resolveDynamic,
  type DynamicReference,
  type ResolutionScope,
  type Template,
} from '../../../rehearsal/cloud/template.ts';

function scopeOf(template: Template = {}, parameters: Record<string, unknown> = {}): ResolutionScope {
  return {
    template,
    parameters: new Map(Object.entries({ 'AWS::Region': 'us-east-1', ...parameters })),
    ref: (id) => (id === 'Bucket' ? 'bucket-1' : undefined),
    attribute: (id, name) => (id === 'Bucket' && ['Arn', 'Endpoint.Port'].includes(name) ? `${name} of bucket-1` : undefined),
    importValue: (name) => `import ${name}`,
    stackOutput: ({ stackName, region, outputName }) => `${stackName}/${region}/${outputName}`,
    availabilityZones: (region) => [`${region}a`, `${region}b`],
  };
}

test.each([
  [{ Ref: 'Bucket' }, 'bucket-1'],
  [{ Ref: 'AWS::Region' }, 'us-east-1'],
  [{ 'Fn::GetAtt': ['Bucket', 'Arn'] }, 'Arn of bucket-1'],
  [{ 'Fn::GetAtt': 'Bucket.Endpoint.Port' }, 'Endpoint.Port of bucket-1'],
  [{ 'Fn::Join': ['/', ['a', { Ref: 'Bucket' }, 3]] }, 'a/bucket-1/3'],
  [{ 'Fn::Select': ['1', { 'Fn::Split': [',', 'a,b,c'] }] }, 'b'],
  [{ 'Fn::Sub': '${AWS::Region} ${Bucket} ${Bucket.Arn} ${!Literal}' }, 'us-east-1 bucket-1 Arn of bucket-1 ${Literal}'],
  [{ 'Fn::Sub': ['${Own}-${Bucket}', { Own: { Ref: 'AWS::Region' } }] }, 'us-east-1-bucket-1'],
  [{ 'Fn::ImportValue': { 'Fn::Sub': '${AWS::Region}-vpc' } }, 'import us-east-1-vpc'],
  [{ 'Fn::GetStackOutput': { StackName: 's', Region: 'us-west-2', OutputName: 'o' } }, 's/us-west-2/o'],
  [{ 'Fn::GetStackOutput': { StackName: 's', OutputName: 'o' } }, 's/us-east-1/o'],
  [{ 'Fn::GetAZs': '' }, ['us-east-1a', 'us-east-1b']],
  [{ 'Fn::Base64': 'hello' }, 'aGVsbG8='],
  [{ a: { Ref: 'AWS::NoValue' }, b: [1, { Ref: 'AWS::NoValue' }, 2] }, { b: [1, 2] }],
  // A policy's condition is no condition of the template.
  [{ Condition: { StringEquals: { x: 'y' } } }, { Condition: { StringEquals: { x: 'y' } } }],
])('%j', (value, expected) => {
  expect(resolve(value, scopeOf())).toEqual(expected);
});

test('mappings and conditions', () => {
  const template: Template = {
    Mappings: { Sizes: { 'us-east-1': { small: 1 } } },
    Conditions: {
      IsHome: { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'us-east-1'] },
      IsAway: { 'Fn::Not': [{ Condition: 'IsHome' }] },
      Both: { 'Fn::And': [{ Condition: 'IsHome' }, { Condition: 'IsAway' }] },
      Either: { 'Fn::Or': [{ Condition: 'IsHome' }, { Condition: 'IsAway' }] },
      A: { Condition: 'B' },
      B: { Condition: 'A' },
    },
  };
  const scope = scopeOf(template);
  expect(resolve({ 'Fn::FindInMap': ['Sizes', { Ref: 'AWS::Region' }, 'small'] }, scope)).toBe(1);
  expect(resolve({ 'Fn::FindInMap': ['Sizes', 'x', 'small', { DefaultValue: 9 }] }, scope)).toBe(9);
  expect(() => resolve({ 'Fn::FindInMap': ['Sizes', 'x', 'small'] }, scope)).toThrow('Unable to get mapping for Sizes::x::small');
  expect(['IsHome', 'IsAway', 'Both', 'Either'].map((Condition) => holds({ Condition }, scope))).toEqual([true, false, false, true]);
  expect(resolve({ 'Fn::If': ['IsAway', 'away', 'home'] }, scope)).toBe('home');
  expect(resolve({ x: { 'Fn::If': ['IsAway', 'away', { Ref: 'AWS::NoValue' }] } }, scope)).toEqual({});
  expect(() => holds({ Condition: 'A' }, scope)).toThrow('conditions depend on each other');
});

test.each([
  [{ Ref: 'Nobody' }, 'Unresolved resource dependencies [Nobody]'],
  [{ 'Fn::GetAtt': ['Bucket', 'Nothing'] }, 'does not support attribute type Nothing'],
  [{ 'Fn::Select': [5, ['a']] }, 'Fn::Select cannot select nonexistent value at index 5'],
  [{ 'Fn::Cidr': ['10.0.0.0/16', 2, 8] }, 'Fn::Cidr is not modelled'],
  [{ 'Fn::Join': ['', [{ a: 1 }]] }, 'Fn::Join wants text'],
])('refuses %j', (value, message) => {
  expect(() => resolve(value, scopeOf())).toThrow(message);
});

test('dynamic references, also two in a text and by ARN', async () => {
  const asked: DynamicReference[] = [];
  const look = async (reference: DynamicReference): Promise<string> => (asked.push(reference), `<${reference.jsonKey ?? reference.id}>`);
  const arn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbCdEf';
  const value = {
    a: [`x {{resolve:secretsmanager:${arn}:SecretString:password::}} {{resolve:ssm:/a/b:3}}`],
    b: `{{resolve:secretsmanager:${arn}}}`,
  };
  expect(await resolveDynamic(value, look)).toEqual({ a: ['x <password> </a/b>'], b: `<${arn}>` });
  expect(asked[0]).toEqual({ service: 'secretsmanager', id: arn, jsonKey: 'password' });
  await expect(resolveDynamic('{{resolve:nothing:x}}', look)).rejects.toThrow('is not known');
});

const word = fc.stringMatching(/^[a-z]{1,6}$/);
const plain = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    word,
    fc.integer(),
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(word, tie('value'), { maxKeys: 4 }),
  ),
})).value;

test('property: a value without intrinsics stays as it is', () => {
  fc.assert(fc.property(plain, (value) => {
    expect(resolve(value, scopeOf())).toEqual(value);
  }));
});

test('property: Split undoes Join, Select picks, Base64 can be read back', () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), fc.nat(), (words, drawn) => {
      const index = drawn % words.length;
      const joined = { 'Fn::Join': ['|', words] };
      expect(resolve({ 'Fn::Split': ['|', joined] }, scopeOf())).toEqual(words);
      expect(resolve({ 'Fn::Select': [index, { 'Fn::Split': ['|', joined] }] }, scopeOf())).toBe(words[index]);
      expect(Buffer.from(String(resolve({ 'Fn::Base64': joined }, scopeOf())), 'base64').toString()).toBe(words.join('|'));
    }),
  );
});

test('property: Sub equals Join of the same parts, and both refer to the same ids', () => {
  const part = fc.oneof(word.map((text) => ({ text })), fc.constantFrom('P', 'Q').map((name) => ({ name })));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const scope = scopeOf({}, { P: 'pp', Q: 'qq' });
      const sub = { 'Fn::Sub': parts.map((one) => ('text' in one ? one.text : `\${${one.name}}`)).join('') };
      const join = { 'Fn::Join': ['', parts.map((one) => ('text' in one ? one.text : { Ref: one.name }))] };
      expect(resolve(sub, scope)).toBe(resolve(join, scope));
      expect(referencesIn(sub)).toEqual(referencesIn(join));
    }),
  );
});

const condition = fc.letrec<{ node: { tree: unknown; truth: boolean } }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small' },
    fc.boolean().map((truth) => ({ tree: { 'Fn::Equals': [truth ? 'x' : 'y', 'x'] } as unknown, truth })),
    tie('node').map(({ tree, truth }) => ({ tree: { 'Fn::Not': [tree] }, truth: !truth })),
    fc
      .array(tie('node'), { minLength: 2, maxLength: 4 })
      .map((nodes) => ({ tree: { 'Fn::And': nodes.map(({ tree }) => tree) }, truth: nodes.every(({ truth }) => truth) })),
    fc
      .array(tie('node'), { minLength: 2, maxLength: 4 })
      .map((nodes) => ({ tree: { 'Fn::Or': nodes.map(({ tree }) => tree) }, truth: nodes.some(({ truth }) => truth) })),
  ),
})).node;

test('property: conditions are boolean algebra', () => {
  fc.assert(fc.property(condition, ({ tree, truth }) => {
    expect(holds(tree, scopeOf())).toBe(truth);
  }));
});
