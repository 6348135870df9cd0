import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  ExpressionScope,
  parseCondition,
  parseKeyCondition,
  parseProjection,
  parseUpdate,
} from '../../../rehearsal/services/dynamodb-expressions.ts';
import { addNumbers, compareNumbers, type AttributeValue, type Item } from '../../../rehearsal/services/dynamodb-values.ts';

const item: Item = {
  book: { S: 'alpha' }, epoch: { N: '7' }, live: { M: { image: { S: 'sha256:ab' }, tags: { L: [{ S: 'x' }, { S: 'y' }] } } },
  colours: { SS: ['blue', 'green'] }, bytes: { B: new Uint8Array([1, 2, 3]) }, none: { NULL: true },
};
const values: Record<string, AttributeValue> = {
  ':seven': { N: '7.0' },
  ':six': { N: '6' },
  ':eight': { N: '8' },
  ':alpha': { S: 'alpha' },
  ':al': { S: 'al' },
  ':blue': { S: 'blue' },
  ':x': { S: 'x' },
  ':S': { S: 'S' },
  ':two': { N: '2' },
  ':head': { B: new Uint8Array([1, 2]) },
  ':set': { SS: ['green', 'blue'] },
  ':list': { L: [{ S: 'z' }] },
  ':red': { SS: ['red', 'blue'] },
  ':blueSet': { SS: ['blue'] },
  ':both': { SS: ['blue', 'green'] },
};
const scope = (): ExpressionScope => new ExpressionScope({ '#b': 'book', '#live': 'live', '#dot': 'a.b' }, values);
const judge = (text: string): boolean => parseCondition('ConditionExpression', text, scope())(item);
const update = (text: string): Item => parseUpdate(text, scope()).apply(item);

test.each([
  ['epoch = :seven', true],
  ['epoch <> :seven', false],
  ['epoch < :eight', true],
  ['epoch <= :six', false],
  ['epoch > :six', true],
  ['epoch >= :seven', true],
  ['#b = :alpha', true],
  ['begins_with(#b, :al)', true],
  ['begins_with(bytes, :head)', true],
  ['contains(#b, :al)', true],
  ['contains(colours, :blue)', true],
  ['contains(#live.tags, :x)', true],
  ['colours = :set', true],
  ['attribute_exists(#live.image)', true],
  ['attribute_exists(#live.tags[1])', true],
  ['attribute_exists(#live.tags[2])', false],
  ['attribute_not_exists(holder)', true],
  ['attribute_type(#b, :S)', true],
  ['size(#live.tags) = :two', true],
  ['size(colours) >= :two', true],
  ['epoch BETWEEN :six AND :eight', true],
  ['epoch IN (:six, :seven)', true],
  ['epoch IN (:six)', false],
  ['NOT epoch = :six', true],
  ['epoch = :six OR epoch = :seven AND #b = :alpha', true],
  ['(epoch = :six OR epoch = :seven) AND #b = :al', false],
  // A missing attribute differs from everything and is ordered with nothing; types do not mix.
  ['holder <> :alpha', true],
  ['holder = :alpha', false],
  ['holder < :alpha', false],
  ['epoch = :alpha', false],
  ['epoch <> :alpha', true],
  ['not epoch = :seven', false],
])('%s → %s', (text, expected) => {
  expect(judge(text)).toBe(expected);
});

test.each([
  ['epoch = ', 'Invalid ConditionExpression: Syntax error'],
  ['epoch ! :seven', 'Invalid ConditionExpression: Syntax error; token: "!"'],
  [' ', 'The expression can not be empty'],
  ['#none = :seven', 'attribute name used in the document path is not defined; attribute name: #none'],
  ['epoch = :none', 'attribute value used in expression is not defined; attribute value: :none'],
  ['mode = :alpha', 'Attribute name is a reserved keyword; reserved keyword: mode'],
  ['starts_with(#b, :al)', 'Invalid function name; function: starts_with'],
  ['begins_with(#b, :seven)', 'operator or function: begins_with, operand type: N'],
  ['epoch BETWEEN :eight AND :six', 'The BETWEEN operator requires upper bound to be greater than or equal to lower bound'],
])('refuses the condition %j', (text, message) => {
  expect(() => judge(text)).toThrow(message);
});

test('names and values that nothing uses are refused', () => {
  const unusedName = new ExpressionScope({ '#b': 'book' }, undefined);
  parseCondition('ConditionExpression', 'attribute_exists(epoch)', unusedName);
  expect(() => unusedName.refuseUnused()).toThrow('Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}');
  const unusedValue = new ExpressionScope(undefined, { ':v': { N: '1' } });
  expect(() => unusedValue.refuseUnused()).toThrow('Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}');
});

test('updates read the item as it was, whatever their order', () => {
  expect(update('SET epoch = epoch + :two, heartbeat = epoch')).toMatchObject({ epoch: { N: '9' }, heartbeat: { N: '7' } });
  expect(update('SET epoch = epoch - :eight')).toMatchObject({ epoch: { N: '-1' } });
  expect(update('SET n = if_not_exists(n, :two) + :six')).toMatchObject({ n: { N: '8' } });
  expect(update('SET #live.tags = list_append(#live.tags, :list), #dot = :alpha')).toMatchObject({
    live: { M: { tags: { L: [{ S: 'x' }, { S: 'y' }, { S: 'z' }] } } }, 'a.b': { S: 'alpha' },
  });
  expect(update('SET #live.tags[9] = :alpha REMOVE #live.image')).toMatchObject({
    live: { M: { tags: { L: [{ S: 'x' }, { S: 'y' }, { S: 'alpha' }] } } },
  });
  expect(update('REMOVE #live.tags[0], #live.tags[1], bytes')['live']).toEqual({ M: { image: { S: 'sha256:ab' }, tags: { L: [] } } });
  expect(update('ADD epoch :two, colours :red, fresh :six')).toMatchObject({
    epoch: { N: '9' },
    colours: { SS: ['blue', 'green', 'red'] },
    fresh: { N: '6' },
  });
  expect(update('DELETE colours :blueSet')).toMatchObject({ colours: { SS: ['green'] } });
  expect(update('DELETE colours :both')).not.toHaveProperty('colours');
  expect(item['epoch']).toEqual({ N: '7' });
});

test.each([
  ['SET a = :two, a = :six', 'Two document paths overlap with each other'],
  ['SET #live = :two REMOVE #live.tags', 'Two document paths overlap with each other'],
  ['SET a = :two SET b = :two', 'The "SET" section can only be used once'],
  ['SET a = holder + :two', 'refers to an attribute that does not exist in the item'],
  ['SET a = #b + :two', 'An operand in the update expression has an incorrect data type'],
  ['SET colours.deep = :two', 'The document path provided in the update expression is invalid for update'],
  ['ADD #b :two', 'An operand in the update expression has an incorrect data type'],
  ['DELETE colours :two', 'operator: DELETE, operand type: N'],
  ['UPSERT a = :two', 'Invalid UpdateExpression: Syntax error; token: "UPSERT"'],
])('refuses the update %j', (text, message) => {
  expect(() => update(text)).toThrow(message);
});

test('projections and key conditions', () => {
  expect(parseProjection('#b, #live.tags[1], holder', scope())(item)).toEqual({
    book: { S: 'alpha' },
    live: { M: { tags: { L: [{ S: 'y' }] } } },
  });
  expect(
    parseKeyCondition('#b = :alpha AND begins_with(epoch, :al)', scope()).map(({ attribute, operator }) => [attribute, operator]),
  ).toEqual([
    ['book', '='],
    ['epoch', 'begins_with'],
  ]);
  expect(() => parseKeyCondition('#b <> :alpha', scope())).toThrow('Invalid operator used in KeyConditionExpression: <>');
});

/** A condition as text, and what it is worth, told by JavaScript's own operators. */
interface Known { readonly text: string; readonly truth: boolean }
const numbers: Record<string, number> = { n0: -2, n1: 0, n2: 3, n3: 3 };
const numberItem: Item = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, { N: String(value) }]));
const operators: Record<string, (a: number, b: number) => boolean> = {
  '=': (a, b) => a === b,
  '<>': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};
const known = fc.letrec<{ node: Known }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small' },
    fc
      .tuple(fc.constantFrom(...Object.keys(numbers)), fc.constantFrom(...Object.keys(operators)), fc.constantFrom(...Object.keys(numbers)))
      .map(([a, operator, b]) => ({
        text: `${a} ${operator} ${b}`,
        truth: (operators[operator] as (a: number, b: number) => boolean)(numbers[a] as number, numbers[b] as number),
      })),
    tie('node').map(({ text, truth }) => ({ text: `NOT (${text})`, truth: !truth })),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => ({ text: `(${a.text}) AND (${b.text})`, truth: a.truth && b.truth })),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => ({ text: `(${a.text}) or (${b.text})`, truth: a.truth || b.truth })),
  ),
})).node;

test('property: conditions mean what the operators mean', () => {
  fc.assert(fc.property(known, ({ text, truth }) => {
    expect(parseCondition('ConditionExpression', text, new ExpressionScope(undefined, undefined))(numberItem)).toBe(truth);
  }));
});

test('property: precedence is NOT, AND, OR, without brackets', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.boolean(), fc.constantFrom('AND', 'OR')), { minLength: 1, maxLength: 6 }), (terms) => {
      const text = terms
        .map(
          ([negated, truth, operator], index) =>
            `${index === 0 ? '' : ` ${operator} `}${negated ? 'NOT ' : ''}${truth ? 'n2 = n3' : 'n0 = n1'}`,
        )
        .join('');
      const source = terms
        .map(
          ([negated, truth, operator], index) => `${index === 0 ? '' : operator === 'AND' ? ' && ' : ' || '}${negated ? '!' : ''}${truth}`,
        )
        .join('');
      const expected = source
        .split(' || ')
        .some((conjunction) => conjunction.split(' && ').every((term) => (term.startsWith('!') ? term === '!false' : term === 'true')));
      expect(parseCondition('FilterExpression', text, new ExpressionScope(undefined, undefined))(numberItem)).toBe(expected);
    }),
  );
});

test('property: numbers are exact decimals', () => {
  const decimal = fc
    .tuple(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), fc.nat({ max: 6 }))
    .map(([digits, places]) => ({ digits, places }));
  const spelt = ({ digits, places }: { digits: bigint; places: number }): string => `${digits}e-${places}`;
  const scaled = ({ digits, places }: { digits: bigint; places: number }): bigint => digits * 10n ** BigInt(6 - places);
  fc.assert(fc.property(decimal, decimal, (a, b) => {
    expect(compareNumbers(addNumbers(spelt(a), spelt(b)), `${scaled(a) + scaled(b)}e-6`)).toBe(0);
    expect(compareNumbers(addNumbers(spelt(a), spelt(b), -1), `${scaled(a) - scaled(b)}e-6`)).toBe(0);
    expect(compareNumbers(spelt(a), spelt(b))).toBe(scaled(a) < scaled(b) ? -1 : scaled(a) > scaled(b) ? 1 : 0);
  }));
  expect([addNumbers('0.1', '0.2'), addNumbers('1e2', '0'), addNumbers('-0.50', '0'), addNumbers('0.5', '-0.5')]).toEqual([
    '0.3',
    '100',
    '-0.5',
    '0',
  ]);
});

test('property: no text makes the parser fail other than by refusing', () => {
  const token = fc.constantFrom(
    'n0',
    'n1',
    '=',
    '<',
    'AND',
    'OR',
    'NOT',
    '(',
    ')',
    'size',
    ',',
    '.',
    '[',
    ']',
    '0',
    'attribute_exists',
    'BETWEEN',
    'IN',
    'SET',
    'REMOVE',
    '+',
    '!',
  );
  fc.assert(fc.property(fc.array(token, { maxLength: 10 }), (tokens) => {
    for (const parse of [
      () => parseCondition('ConditionExpression', tokens.join(' '), new ExpressionScope(undefined, undefined)),
      () => parseUpdate(tokens.join(' '), new ExpressionScope(undefined, undefined)),
    ]) {
      try {
        parse();
      } catch (error) {
        expect((error as Error).name).toBe('ValidationException');
      }
    }
  }));
});
