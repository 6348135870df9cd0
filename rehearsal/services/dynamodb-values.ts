/**
 * DynamoDB's typed values: exact decimal numbers, equality, order and size, as the database compares them.
 */
import { AwsError } from '../cloud/model.ts';

export type AttributeValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: Uint8Array }
  | { readonly BOOL: boolean }
  | { readonly NULL: boolean }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly Uint8Array[] }
  | { readonly M: Readonly<Record<string, AttributeValue>> }
  | { readonly L: readonly AttributeValue[] };
export type Item = Readonly<Record<string, AttributeValue>>;
export type TypeName = 'S' | 'N' | 'B' | 'BOOL' | 'NULL' | 'SS' | 'NS' | 'BS' | 'M' | 'L';

export function typeOf(value: AttributeValue): TypeName {
  return Object.keys(value)[0] as TypeName;
}

/** A decimal number, exactly: `digits × 10^exponent`. */
interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

function parseDecimal(text: string): Decimal {
  const match = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?\s*$/.exec(text);
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match ?? [];
  if (!match || whole + fraction === '') {
    throw new AwsError('ValidationException', `The parameter cannot be converted to a numeric value: ${text}`);
  }
  return { digits: BigInt(`${sign === '-' ? '-' : ''}${whole}${fraction}`), exponent: Number(exponent) - fraction.length };
}

function aligned(a: Decimal, b: Decimal): readonly [bigint, bigint, number] {
  const exponent = Math.min(a.exponent, b.exponent);
  const scale = ({ digits, exponent: own }: Decimal): bigint => digits * 10n ** BigInt(own - exponent);
  return [scale(a), scale(b), exponent];
}

export function compareNumbers(a: string, b: string): number {
  const [x, y] = aligned(parseDecimal(a), parseDecimal(b));
  return x < y ? -1 : x > y ? 1 : 0;
}

/** `a + b`, or `a - b` when `sign` is -1, in DynamoDB's spelling: plain digits, no trailing zeros. */
export function addNumbers(a: string, b: string, sign: 1 | -1 = 1): string {
  const [x, y, exponent] = aligned(parseDecimal(a), parseDecimal(b));
  return spell(x + BigInt(sign) * y, exponent);
}

function spell(digits: bigint, exponent: number): string {
  if (exponent >= 0) return String(digits * 10n ** BigInt(exponent));
  const negative = digits < 0n;
  const text = String(negative ? -digits : digits).padStart(-exponent + 1, '0');
  const fraction = text.slice(exponent).replace(/0+$/, '');
  const sign = negative ? '-' : '';
  return `${sign}${text.slice(0, exponent)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** The number as the database stores and returns it. */
export function canonicalNumber(text: string): string {
  const { digits, exponent } = parseDecimal(text);
  const significant = String(digits < 0n ? -digits : digits).replace(/0+$/, '').length;
  if (significant > 38) {
    throw new AwsError('ValidationException', 'Attempting to store more than 38 significant digits in a Number');
  }
  return spell(digits, exponent);
}

export function equal(a: AttributeValue, b: AttributeValue): boolean {
  if ('N' in a && 'N' in b) return compareNumbers(a.N, b.N) === 0;
  if ('S' in a && 'S' in b) return a.S === b.S;
  if ('BOOL' in a && 'BOOL' in b) return a.BOOL === b.BOOL;
  if ('NULL' in a && 'NULL' in b) return true;
  if ('B' in a && 'B' in b) return Buffer.compare(a.B, b.B) === 0;
  if ('L' in a && 'L' in b) return a.L.length === b.L.length && a.L.every((value, index) => equal(value, b.L[index] as AttributeValue));
  if ('M' in a && 'M' in b) {
    const [left, right] = [a.M, b.M];
    const names = Object.keys(left);
    return (
      names.length === Object.keys(right).length &&
      names.every((name) => right[name] !== undefined && equal(left[name] as AttributeValue, right[name]))
    );
  }
  const [left, right] = [setElements(a), setElements(b)];
  if (!left || !right || typeOf(a) !== typeOf(b)) return false;
  return left.length === right.length && left.every((element) => right.some((other) => equal(element, other)));
}

/** -1, 0 or 1; `undefined` when the two have no order: different types, or types without one. */
export function compare(a: AttributeValue, b: AttributeValue): number | undefined {
  if ('N' in a && 'N' in b) return compareNumbers(a.N, b.N);
  // Strings are ordered by their UTF-8 bytes, which is not the order of JavaScript's strings.
  if ('S' in a && 'S' in b) return Buffer.compare(Buffer.from(a.S), Buffer.from(b.S));
  if ('B' in a && 'B' in b) return Buffer.compare(a.B, b.B);
  return undefined;
}

/** The elements of a set as values, `undefined` for anything else. */
export function setElements(value: AttributeValue): AttributeValue[] | undefined {
  if ('SS' in value) return value.SS.map((S) => ({ S }));
  if ('NS' in value) return value.NS.map((N) => ({ N }));
  if ('BS' in value) return value.BS.map((B) => ({ B }));
  return undefined;
}

/** A set of the type of `like` with these elements. */
export function setOf(like: AttributeValue, elements: readonly AttributeValue[]): AttributeValue {
  const inner = Object.keys(like)[0] as 'SS' | 'NS' | 'BS';
  return { [inner]: elements.map((element) => Object.values(element)[0] as unknown) } as unknown as AttributeValue;
}

/** What `size()` gives; `undefined` for types that have none. */
export function sizeOf(value: AttributeValue): number | undefined {
  if ('S' in value) return value.S.length;
  if ('B' in value) return value.B.length;
  if ('L' in value) return value.L.length;
  if ('M' in value) return Object.keys(value.M).length;
  return setElements(value)?.length;
}

/** A value with its numbers in the database's spelling; refuses what DynamoDB refuses to store. */
export function stored(value: AttributeValue): AttributeValue {
  if ('N' in value) return { N: canonicalNumber(value.N) };
  if ('L' in value) return { L: value.L.map(stored) };
  if ('M' in value) return { M: Object.fromEntries(Object.entries(value.M).map(([name, member]) => [name, stored(member)])) };
  const elements = setElements(value);
  if (!elements) return value;
  const invalid = 'One or more parameter values were invalid:';
  if (elements.length === 0) throw new AwsError('ValidationException', `${invalid} An ${setNames[typeOf(value)]} set  may not be empty`);
  if (elements.some((element, index) => elements.slice(0, index).some((earlier) => equal(element, earlier)))) {
    throw new AwsError('ValidationException', `${invalid} Input collection contains duplicates.`);
  }
  return 'NS' in value ? { NS: value.NS.map(canonicalNumber) } : value;
}

const setNames: Partial<Record<TypeName, string>> = { SS: 'string', NS: 'number', BS: 'binary' };
