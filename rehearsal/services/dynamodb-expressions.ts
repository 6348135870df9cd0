/**
 * DynamoDB's expression language: conditions, updates and projections, with AWS's own refusals.
 * An expression is parsed into functions of an item; names and values that the request defines but no expression
 * uses are an error there, so they are one here.
 */
import { AwsError } from '../cloud/model.ts';
import { reservedWords } from './dynamodb-reserved-words.ts';
import {
  addNumbers,
  compare,
  equal,
  setElements,
  setOf,
  sizeOf,
  stored,
  typeOf,
  type AttributeValue,
  type Item,
  type TypeName,
} from './dynamodb-values.ts';

export type ExpressionKind =
  | 'ConditionExpression' | 'UpdateExpression' | 'KeyConditionExpression' | 'FilterExpression' | 'ProjectionExpression';
export type Path = readonly (string | number)[];

/** The names and values of one request, shared by its expressions. */
export class ExpressionScope {
  readonly #names: Readonly<Record<string, string>>;
  readonly #values: Readonly<Record<string, AttributeValue>>;
  readonly #used = new Set<string>();

  constructor(names: Readonly<Record<string, string>> | undefined, values: Readonly<Record<string, AttributeValue>> | undefined) {
    this.#names = names ?? {};
    this.#values = values ?? {};
    if (names && Object.keys(names).length === 0) throw invalid('ExpressionAttributeNames must not be empty');
    if (values && Object.keys(values).length === 0) throw invalid('ExpressionAttributeValues must not be empty');
    for (const value of Object.values(this.#values)) stored(value);
  }

  name(kind: ExpressionKind, token: string): string {
    this.#used.add(token);
    const name = this.#names[token];
    if (name === undefined) {
      throw invalid(`Invalid ${kind}: An expression attribute name used in the document path is not defined; attribute name: ${token}`);
    }
    return name;
  }

  value(kind: ExpressionKind, token: string): AttributeValue {
    this.#used.add(token);
    const value = this.#values[token];
    if (value === undefined) {
      throw invalid(`Invalid ${kind}: An expression attribute value used in expression is not defined; attribute value: ${token}`);
    }
    return value;
  }

  /** Once every expression of the request was parsed. */
  refuseUnused(): void {
    for (const [what, defined] of [['Names', this.#names], ['Values', this.#values]] as const) {
      const unused = Object.keys(defined).filter((token) => !this.#used.has(token));
      if (unused.length > 0)
        throw invalid(`Value provided in ExpressionAttribute${what} unused in expressions: keys: {${unused.join(', ')}}`);
    }
  }
}

export type Condition = (item: Item) => boolean;
/** `key = :v`, `begins_with(key, :v)`, `key BETWEEN :a AND :b` …: which attribute a clause of a key condition is about. */
export interface KeyClause {
  readonly attribute: string;
  readonly operator: string;
  readonly holds: Condition;
}
type Operand = { readonly path?: Path; readonly constant?: AttributeValue; readonly read: (item: Item) => AttributeValue | undefined };

export function parseCondition(kind: ExpressionKind, text: string, scope: ExpressionScope): Condition {
  const parser = new Parser(kind, text, scope);
  const condition = parser.condition();
  parser.expectEnd();
  return condition;
}

export function parseKeyCondition(text: string, scope: ExpressionScope): readonly KeyClause[] {
  const parser = new Parser('KeyConditionExpression', text, scope);
  const clauses = [parser.keyClause()];
  while (parser.takeWord('AND')) clauses.push(parser.keyClause());
  parser.expectEnd();
  return clauses;
}

export function parseProjection(text: string, scope: ExpressionScope): (item: Item) => Item {
  const parser = new Parser('ProjectionExpression', text, scope);
  const paths = [parser.path()];
  while (parser.take(',')) paths.push(parser.path());
  parser.expectEnd();
  refuseOverlap('ProjectionExpression', paths);
  return (item) => {
    const projected = paths.flatMap((path) => {
      const value = readPath(item, path);
      return value === undefined ? [] : [{ path, value }];
    });
    return projected.reduce<Item>((result, { path, value }) => graft(result, path, value), {});
  };
}

export interface Update {
  /** The attributes at the top that the update names. */
  readonly attributes: readonly string[];
  apply(item: Item): Item;
}

/** `path` and what it becomes, judged on the item as it was; `undefined` removes it. */
interface Action {
  readonly path: Path;
  readonly value: (item: Item) => AttributeValue | undefined;
}

export function parseUpdate(text: string, scope: ExpressionScope): Update {
  const parser = new Parser('UpdateExpression', text, scope);
  const actions = parser.updateActions();
  parser.expectEnd();
  refuseOverlap('UpdateExpression', actions.map(({ path }) => path));
  return {
    attributes: actions.map(({ path }) => String(path[0])),
    apply(item) {
      // Every right side reads the item as it was before the first action.
      const changes = actions.map(({ path, value }) => ({ path, value: value(item) }));
      const sets = changes.filter(({ value }) => value !== undefined);
      // The higher index first, so that a removal does not move what another one names.
      const removals = changes.filter(({ value }) => value === undefined).sort((a, b) => comparePaths(b.path, a.path));
      const written = sets.reduce((result, { path, value }) => writePath(result, path, value), item);
      return removals.reduce((result, { path }) => writePath(result, path, undefined), written);
    },
  };
}

const tokenPattern = /\s*(?:([A-Za-z_][A-Za-z0-9_]*)|([#:][A-Za-z0-9_]+)|(\d+)|(<=|>=|<>|[=<>+\-(),.[\]]))/y;
const functionTypes: Readonly<Record<string, readonly TypeName[]>> = {
  begins_with: ['S', 'B'],
  size: ['S', 'B', 'L', 'M', 'SS', 'NS', 'BS'],
};

class Parser {
  readonly #kind: ExpressionKind;
  readonly #tokens: readonly string[];
  readonly #scope: ExpressionScope;
  #at = 0;

  constructor(kind: ExpressionKind, text: string, scope: ExpressionScope) {
    this.#kind = kind;
    this.#scope = scope;
    if (text.trim() === '') throw invalid(`Invalid ${kind}: The expression can not be empty;`);
    this.#tokens = tokenize(kind, text);
  }

  get #next(): string | undefined {
    return this.#tokens[this.#at];
  }

  take(token: string): boolean {
    if (this.#next !== token) return false;
    this.#at += 1;
    return true;
  }

  /** Keywords are not case-sensitive. */
  takeWord(word: string): boolean {
    if (this.#next?.toUpperCase() !== word) return false;
    this.#at += 1;
    return true;
  }

  #expect(token: string): void {
    if (!this.take(token)) throw this.#syntaxError();
  }

  expectEnd(): void {
    if (this.#next !== undefined) throw this.#syntaxError();
  }

  #syntaxError(): AwsError {
    const near = this.#tokens.slice(Math.max(0, this.#at - 1), this.#at + 2).join(' ');
    return invalid(`Invalid ${this.#kind}: Syntax error; token: "${this.#next ?? '<EOF>'}", near: "${near}"`);
  }

  condition(): Condition {
    let left = this.#conjunction();
    while (this.takeWord('OR')) {
      const [a, b] = [left, this.#conjunction()];
      left = (item) => a(item) || b(item);
    }
    return left;
  }

  #conjunction(): Condition {
    let left = this.#negation();
    while (this.takeWord('AND')) {
      const [a, b] = [left, this.#negation()];
      left = (item) => a(item) && b(item);
    }
    return left;
  }

  #negation(): Condition {
    if (this.takeWord('NOT')) {
      const negated = this.#negation();
      return (item) => !negated(item);
    }
    if (this.take('(')) {
      const inner = this.condition();
      this.#expect(')');
      return inner;
    }
    return this.#comparison().holds;
  }

  keyClause(): KeyClause {
    if (this.take('(')) {
      const inner = this.keyClause();
      this.#expect(')');
      return inner;
    }
    const { path, operator, holds } = this.#comparison();
    const attribute = path?.[0];
    if (attribute === undefined || path?.length !== 1)
      throw invalid(`Invalid ${this.#kind}: a clause must compare a key attribute with a value`);
    if (!['=', '<', '<=', '>', '>=', 'BETWEEN', 'begins_with'].includes(operator)) {
      throw invalid(`Invalid operator used in KeyConditionExpression: ${operator}`);
    }
    return { attribute: String(attribute), operator, holds };
  }

  #comparison(): { readonly path: Path | undefined; readonly operator: string; readonly holds: Condition } {
    const word = this.#next ?? '';
    if (this.#tokens[this.#at + 1] === '(' && word !== 'size') return this.#booleanFunction(word);
    const left = this.#operand();
    if (this.takeWord('BETWEEN')) {
      const low = this.#operand();
      if (!this.takeWord('AND')) throw this.#syntaxError();
      const high = this.#operand();
      this.#refuseReversedBounds(low, high);
      const holds: Condition = (item) =>
        ordered(low.read(item), left.read(item), [-1, 0]) && ordered(left.read(item), high.read(item), [-1, 0]);
      return { path: left.path, operator: 'BETWEEN', holds };
    }
    if (this.takeWord('IN')) {
      this.#expect('(');
      const candidates = [this.#operand()];
      while (this.take(',')) candidates.push(this.#operand());
      this.#expect(')');
      return {
        path: left.path,
        operator: 'IN',
        holds: (item) => candidates.some((candidate) => same(left.read(item), candidate.read(item))),
      };
    }
    const operator = this.#next ?? '';
    const accepted = comparators[operator];
    if (!accepted) throw this.#syntaxError();
    this.#at += 1;
    const right = this.#operand();
    return { path: left.path ?? right.path, operator, holds: (item) => accepted(left.read(item), right.read(item)) };
  }

  #refuseReversedBounds(low: Operand, high: Operand): void {
    if (!low.constant || !high.constant) return;
    const order = compare(low.constant, high.constant);
    if (order === undefined || order > 0) {
      throw invalid(
        `Invalid ${this.#kind}: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; ` +
          `lower bound operand: AttributeValue: ${show(low.constant)}, upper bound operand: AttributeValue: ${show(high.constant)}`,
      );
    }
  }

  #booleanFunction(name: string): { readonly path: Path | undefined; readonly operator: string; readonly holds: Condition } {
    this.#at += 2;
    if (name === 'attribute_exists' || name === 'attribute_not_exists') {
      const path = this.path();
      this.#expect(')');
      return { path, operator: name, holds: (item) => (readPath(item, path) !== undefined) === (name === 'attribute_exists') };
    }
    if (!['attribute_type', 'begins_with', 'contains'].includes(name)) {
      throw invalid(`Invalid ${this.#kind}: Invalid function name; function: ${name}`);
    }
    const left = this.#operand();
    this.#expect(',');
    const right = this.#operand();
    this.#expect(')');
    if (name === 'begins_with') this.#refuseType(name, right);
    const judge = functionsOfTwo[name] as (a: Read, b: Read) => boolean;
    return { path: left.path, operator: name, holds: (item) => judge(left.read(item), right.read(item)) };
  }

  #refuseType(name: string, operand: Operand): void {
    const type = operand.constant && typeOf(operand.constant);
    if (type && !functionTypes[name]?.includes(type)) {
      throw invalid(
        `Invalid ${this.#kind}: Incorrect operand type for operator or function; operator or function: ${name}, operand type: ${type}`,
      );
    }
  }

  #operand(): Operand {
    const token = this.#next ?? '';
    if (token.startsWith(':')) {
      this.#at += 1;
      const constant = this.#scope.value(this.#kind, token);
      return { constant, read: () => constant };
    }
    if (token === 'size' && this.#tokens[this.#at + 1] === '(') {
      this.#at += 2;
      const inner = this.#operand();
      this.#refuseType('size', inner);
      this.#expect(')');
      return {
        read(item) {
          const value = inner.read(item);
          const size = value && sizeOf(value);
          return size === undefined ? undefined : { N: String(size) };
        },
      };
    }
    const path = this.path();
    return { path, read: (item) => readPath(item, path) };
  }

  path(): Path {
    const path: (string | number)[] = [this.#pathName()];
    for (;;) {
      if (this.take('.')) {
        path.push(this.#pathName());
      } else if (this.take('[')) {
        const index = this.#next ?? '';
        if (!/^\d+$/.test(index)) throw this.#syntaxError();
        this.#at += 1;
        this.#expect(']');
        path.push(Number(index));
      } else {
        return path;
      }
    }
  }

  #pathName(): string {
    const token = this.#next ?? '';
    if (token.startsWith('#')) {
      this.#at += 1;
      return this.#scope.name(this.#kind, token);
    }
    if (!/^[A-Za-z_]/.test(token)) throw this.#syntaxError();
    if (reservedWords.has(token.toUpperCase())) {
      throw invalid(`Invalid ${this.#kind}: Attribute name is a reserved keyword; reserved keyword: ${token}`);
    }
    this.#at += 1;
    return token;
  }

  updateActions(): Action[] {
    const actions: Action[] = [];
    const clauses = new Set<string>();
    while (this.#next !== undefined) {
      const clause = this.#next.toUpperCase();
      const read = { SET: () => this.#set(), REMOVE: () => this.#remove(), ADD: () => this.#add(), DELETE: () => this.#delete() }[clause];
      if (!read) throw this.#syntaxError();
      if (clauses.has(clause))
        throw invalid(`Invalid UpdateExpression: The "${clause}" section can only be used once in an update expression;`);
      clauses.add(clause);
      this.#at += 1;
      do actions.push(read());
      while (this.take(','));
    }
    return actions;
  }

  #set(): Action {
    const path = this.path();
    this.#expect('=');
    const value = this.#setValue();
    return { path, value: (item) => stored(value(item)) };
  }

  #setValue(): (item: Item) => AttributeValue {
    const left = this.#setOperand();
    for (const [token, sign] of [['+', 1], ['-', -1]] as const) {
      if (!this.take(token)) continue;
      const right = this.#setOperand();
      return (item) => ({ N: addNumbers(number(left(item)), number(right(item)), sign) });
    }
    return left;
  }

  #setOperand(): (item: Item) => AttributeValue {
    const name = this.#next ?? '';
    if (this.#tokens[this.#at + 1] === '(') {
      this.#at += 2;
      if (name === 'if_not_exists') {
        const path = this.path();
        this.#expect(',');
        const otherwise = this.#setOperand();
        this.#expect(')');
        return (item) => readPath(item, path) ?? otherwise(item);
      }
      if (name === 'list_append') {
        const first = this.#setOperand();
        this.#expect(',');
        const second = this.#setOperand();
        this.#expect(')');
        return (item) => ({ L: [...list(first(item)), ...list(second(item))] });
      }
      throw invalid(`Invalid UpdateExpression: Invalid function name; function: ${name}`);
    }
    const operand = this.#operand();
    return (item) => {
      const value = operand.read(item);
      if (value === undefined) throw invalid('The provided expression refers to an attribute that does not exist in the item');
      return value;
    };
  }

  #remove(): Action {
    return { path: this.path(), value: () => undefined };
  }

  #constantOf(clause: string, allowed: readonly TypeName[]): AttributeValue {
    const { constant } = this.#operand();
    if (!constant) throw this.#syntaxError();
    if (!allowed.includes(typeOf(constant))) {
      throw invalid(
        `Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ${clause}, operand type: ${typeOf(constant)}`,
      );
    }
    return constant;
  }

  #add(): Action {
    const path = this.path();
    const added = this.#constantOf('ADD', ['N', 'SS', 'NS', 'BS']);
    return {
      path,
      value(item) {
        const before = readPath(item, path);
        if (before === undefined) return stored(added);
        if (typeOf(before) !== typeOf(added)) throw wrongOperand();
        if ('N' in added && 'N' in before) return { N: addNumbers(before.N, added.N) };
        const elements = setElements(before) ?? [];
        const fresh = (setElements(added) ?? []).filter((element) => !elements.some((known) => equal(known, element)));
        return setOf(before, [...elements, ...fresh]);
      },
    };
  }

  #delete(): Action {
    const path = this.path();
    const removed = this.#constantOf('DELETE', ['SS', 'NS', 'BS']);
    return {
      path,
      value(item) {
        const before = readPath(item, path);
        if (before === undefined) return undefined;
        if (typeOf(before) !== typeOf(removed)) throw wrongOperand();
        const gone = setElements(removed) ?? [];
        const left = (setElements(before) ?? []).filter((element) => !gone.some((other) => equal(other, element)));
        // A set cannot be empty: with its last element the attribute goes.
        return left.length === 0 ? undefined : setOf(before, left);
      },
    };
  }
}

function tokenize(kind: ExpressionKind, text: string): string[] {
  const tokens: string[] = [];
  const end = text.trimEnd().length;
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < end) {
    const at = tokenPattern.lastIndex;
    const match = tokenPattern.exec(text);
    if (!match) {
      const near = text.slice(Math.max(0, at - 5), at + 10);
      throw invalid(`Invalid ${kind}: Syntax error; token: "${text.slice(at).trimStart().charAt(0)}", near: "${near}"`);
    }
    tokens.push(match[0].trim());
  }
  return tokens;
}

type Read = AttributeValue | undefined;

const comparators: Readonly<Record<string, (a: Read, b: Read) => boolean>> = {
  '=': same,
  // An attribute that is not there differs from every value.
  '<>': (a, b) => !same(a, b),
  '<': (a, b) => ordered(a, b, [-1]),
  '<=': (a, b) => ordered(a, b, [-1, 0]),
  '>': (a, b) => ordered(a, b, [1]),
  '>=': (a, b) => ordered(a, b, [1, 0]),
};

const functionsOfTwo: Readonly<Record<string, (a: Read, b: Read) => boolean>> = {
  attribute_type: (value, type) => value !== undefined && type !== undefined && 'S' in type && type.S === typeOf(value),
  begins_with: beginsWith,
  contains,
};

function same(a: Read, b: Read): boolean {
  return a !== undefined && b !== undefined && equal(a, b);
}

function ordered(a: Read, b: Read, accepted: readonly number[]): boolean {
  const order = a && b && compare(a, b);
  return order !== undefined && accepted.includes(order);
}

function contains(whole: Read, part: Read): boolean {
  if (!whole || !part) return false;
  if ('S' in whole) return 'S' in part && whole.S.includes(part.S);
  if ('B' in whole) return 'B' in part && Buffer.from(whole.B).includes(Buffer.from(part.B));
  const elements = 'L' in whole ? whole.L : (setElements(whole) ?? []);
  return elements.some((element) => equal(element, part));
}

function beginsWith(whole: Read, part: Read): boolean {
  if (!whole || !part) return false;
  if ('S' in whole && 'S' in part) return whole.S.startsWith(part.S);
  return 'B' in whole && 'B' in part && Buffer.compare(Buffer.from(whole.B).subarray(0, part.B.length), part.B) === 0;
}

function number(value: AttributeValue): string {
  if (!('N' in value)) throw wrongOperand();
  return value.N;
}

function list(value: AttributeValue): readonly AttributeValue[] {
  if (!('L' in value)) throw wrongOperand();
  return value.L;
}

export function readPath(item: Item, path: Path): AttributeValue | undefined {
  let value: AttributeValue | undefined = { M: item };
  for (const step of path) {
    if (value && 'M' in value && typeof step === 'string') value = value.M[step];
    else if (value && 'L' in value && typeof step === 'number') value = value.L[step];
    else return undefined;
  }
  return value;
}

/** The item with the value at the path; the path must lead through what is there. `undefined` removes. */
function writePath(item: Item, path: Path, value: AttributeValue | undefined): Item {
  const written = writeInto({ M: item }, path, value);
  return 'M' in written ? written.M : item;
}

function writeInto(parent: AttributeValue, [step, ...rest]: Path, value: AttributeValue | undefined): AttributeValue {
  const wrongPath = invalid('The document path provided in the update expression is invalid for update');
  if ('M' in parent && typeof step === 'string') {
    const child = parent.M[step];
    if (rest.length > 0 && child === undefined) throw wrongPath;
    const { [step]: _replaced, ...others } = parent.M;
    const written = rest.length > 0 && child ? writeInto(child, rest, value) : value;
    return { M: written === undefined ? others : { ...parent.M, [step]: written } };
  }
  if ('L' in parent && typeof step === 'number') {
    const child = parent.L[step];
    if (rest.length > 0 && child === undefined) throw wrongPath;
    const written = rest.length > 0 && child ? writeInto(child, rest, value) : value;
    if (written === undefined) return { L: parent.L.filter((_element, index) => index !== step) };
    // Past the end is the end.
    return { L: child === undefined ? [...parent.L, written] : parent.L.map((element, index) => (index === step ? written : element)) };
  }
  throw wrongPath;
}

/** For projections: makes the maps and lists on the way; elements of a list keep their order, not their index. */
function graft(target: Item, [step, ...rest]: Path, value: AttributeValue): Item {
  const name = String(step);
  if (rest.length === 0) return { ...target, [name]: value };
  const child = target[name];
  if (typeof rest[0] === 'number') {
    const before = child && 'L' in child ? child.L : [];
    const element = rest.length === 1 ? value : { M: graft({}, rest.slice(1), value) };
    return { ...target, [name]: { L: [...before, element] } };
  }
  return { ...target, [name]: { M: graft(child && 'M' in child ? child.M : {}, rest, value) } };
}

function refuseOverlap(kind: ExpressionKind, paths: readonly Path[]): void {
  for (const [index, path] of paths.entries()) {
    for (const other of paths.slice(index + 1)) {
      const shorter = Math.min(path.length, other.length);
      if (path.slice(0, shorter).every((step, at) => step === other[at])) {
        throw invalid(
          `Invalid ${kind}: Two document paths overlap with each other; must remove or rewrite one of these paths; ` +
            `path one: ${showPath(path)}, path two: ${showPath(other)}`,
        );
      }
    }
  }
}

function comparePaths(a: Path, b: Path): number {
  for (const [index, step] of a.entries()) {
    const other = b[index];
    if (step === other) continue;
    if (typeof step === 'number' && typeof other === 'number') return step - other;
    return String(step) < String(other) ? -1 : 1;
  }
  return a.length - b.length;
}

function showPath(path: Path): string {
  return `[${path.map((step) => (typeof step === 'number' ? `[${step}]` : step)).join(', ')}]`;
}

function show(value: AttributeValue): string {
  const [type, content] = Object.entries(value)[0] as [string, unknown];
  return `{${type}:${String(content)}}`;
}

function wrongOperand(): AwsError {
  return invalid('An operand in the update expression has an incorrect data type');
}

function invalid(message: string): AwsError {
  return new AwsError('ValidationException', message);
}
