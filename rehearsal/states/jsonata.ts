/**
 * JSONata as Step Functions evaluates it: only strings of the form `{% … %}` are expressions, `$states` and
 * the variables are all there is to read, seven functions are added and `$eval` is taken away.
 * Rules: Step Functions developer guide, "Transforming data with JSONata in Step Functions".
 */
import { createHash } from 'node:crypto';
import jsonata from 'jsonata';
import { seeded } from '../seeded.ts';
import type { EngineRandom, Json } from './execution.ts';
import { StateFailure } from './failure.ts';

export interface Scope {
  /** `$states`. */
  readonly states: Record<string, unknown>;
  readonly variables: Readonly<Record<string, Json>>;
  readonly nowMs: number;
  readonly random: EngineRandom;
  /** Begins every message: which state, entered by which event. */
  readonly where: string;
}

/** An evaluation that runs away ends with an error instead of hanging the rehearsal. */
const evaluationLimits = { timeout: 5_000, stack: 1_000 };
const cacheSizeMax = 2_000;
const compiled = new Map<string, jsonata.Expression>();

/** The expression inside `{% … %}`, or undefined when the string is a plain one. */
export function expressionOf(text: string): string | undefined {
  return text.startsWith('{%') && text.endsWith('%}') ? text.slice(2, -2) : undefined;
}

/** Evaluates every expression inside a value; `field` names it in errors ('Arguments', 'Assign/attempt'). */
export async function evaluate(value: Json, scope: Scope, field: string): Promise<Json> {
  if (typeof value === 'string') {
    const expression = expressionOf(value);
    return expression === undefined ? value : evaluateExpression(expression, scope, field);
  }
  if (Array.isArray(value)) {
    const items: Json[] = [];
    for (const [index, item] of value.entries()) items.push(await evaluate(item, scope, `${field}[${index}]`));
    return items;
  }
  if (value !== null && typeof value === 'object') {
    const members: Record<string, Json> = {};
    for (const [name, member] of Object.entries(value)) members[name] = await evaluate(member, scope, `${field}/${name}`);
    return members;
  }
  return value;
}

async function evaluateExpression(expression: string, scope: Scope, field: string): Promise<Json> {
  const fail = (what: string): never => {
    throw new StateFailure(
      'States.QueryEvaluationError',
      `${scope.where}. The JSONata expression '${expression.trim()}' specified for the field '${field}' ${what}`,
    );
  };
  let result: unknown;
  try {
    const functions = stepFunctionsFunctions(scope);
    if (expression.includes('$now')) functions.now = await nowFunction(scope.nowMs);
    result = await compile(expression).evaluate(undefined, { ...scope.variables, ...functions, states: scope.states });
  } catch (error) {
    const { message } = error as { message?: string };
    return fail(`threw an error: ${message ?? String(error)}`);
  }
  if (result === undefined) return fail('returned nothing (undefined).');
  if (typeof result === 'function' || isJsonataFunction(result)) return fail('returned a function, which is no JSON.');
  // Without the marks that JSONata leaves on its arrays.
  return JSON.parse(JSON.stringify(result)) as Json;
}

function isJsonataFunction(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('_jsonata_lambda' in value || '_jsonata_function' in value);
}

function compile(expression: string): jsonata.Expression {
  const known = compiled.get(expression);
  if (known !== undefined) return known;
  const parsed = jsonata(expression, evaluationLimits);
  if (compiled.size >= cacheSizeMax) compiled.clear();
  compiled.set(expression, parsed);
  return parsed;
}

/** What Step Functions adds to JSONata, and the clock and the randomness of this run in place of the machine's. */
function stepFunctionsFunctions(scope: Scope): Record<string, unknown> {
  return {
    partition: (array: unknown, size: number): unknown => {
      if (array === undefined) return undefined;
      const items = Array.isArray(array) ? (array as unknown[]) : [array];
      if (!Number.isInteger(size) || size < 1) throw new Error('$partition takes an array and a size of at least 1');
      const parts: unknown[] = [];
      for (let start = 0; start < items.length; start += size) parts.push(items.slice(start, start + size));
      return parts;
    },
    range: (first: number, last: number, step: number): number[] => {
      if (![first, last, step].every((value) => typeof value === 'number') || step === 0)
        throw new Error('$range takes first, last and a step other than 0');
      const values: number[] = [];
      for (let value = first; step > 0 ? value <= last : value >= last; value += step) {
        if (values.length === 1000) throw new Error('$range makes at most 1000 values');
        values.push(value);
      }
      return values;
    },
    hash: (data: unknown, algorithm: string): string => {
      const names: Record<string, string> = { MD5: 'md5', 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' };
      const name = names[algorithm];
      if (name === undefined) throw new Error(`$hash knows ${Object.keys(names).join(', ')}, seen ${algorithm}`);
      return createHash(name)
        .update(typeof data === 'string' ? data : JSON.stringify(data))
        .digest('hex');
    },
    random: (seed?: number): number => (seed === undefined ? scope.random.number() : seeded(Math.trunc(seed))()),
    uuid: (): string => scope.random.uuid(),
    parse: (text: string): unknown => (text === undefined ? undefined : (JSON.parse(text) as unknown)),
    eval: (): never => {
      throw new Error('$eval is not supported by Step Functions; $parse reads JSON');
    },
    millis: (): number => scope.nowMs,
  };
}

/** `$now(picture?, timezone?)` at the engine's instant, by JSONata's own formatter. */
async function nowFunction(nowMs: number): Promise<unknown> {
  return compile('function($ms) { function($picture, $timezone) { $fromMillis($ms, $picture, $timezone) } }($MS)').evaluate(undefined, {
    MS: nowMs,
  });
}
