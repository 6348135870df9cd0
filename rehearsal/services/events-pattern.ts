/**
 * EventBridge event patterns: whether an event matches one.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
import { AwsError } from '../cloud/model.ts';

type Pattern = Readonly<Record<string, unknown>>;
type Filter = (argument: any, value: unknown) => boolean;

const filters: Readonly<Record<string, Filter>> = {
  prefix: (start: string, value) => typeof value === 'string' && value.startsWith(start),
  suffix: (end: string, value) => typeof value === 'string' && value.endsWith(end),
  'equals-ignore-case': (text: string, value) => typeof value === 'string' && value.toLowerCase() === text.toLowerCase(),
  wildcard: (text: string, value) => typeof value === 'string' && wildcard(text).test(value),
  exists: (wanted: boolean, value) => (value !== undefined) === wanted,
  'anything-but': (excluded: unknown, value) => value !== undefined && !asList(excluded).some((one) => matchesOne(one, value)),
  numeric: (comparisons: readonly (string | number)[], value) => typeof value === 'number' && numeric(comparisons, value),
};

export function matches(pattern: Pattern, event: unknown): boolean {
  return Object.entries(pattern).every(([name, wanted]) => {
    if (name === '$or') return (wanted as readonly Pattern[]).some((alternative) => matches(alternative, event));
    const value = isObject(event) ? event[name] : undefined;
    if (Array.isArray(wanted)) {
      const values = Array.isArray(value) && value.length > 0 ? (value as unknown[]) : [value];
      return wanted.some((one) => values.some((candidate) => matchesOne(one, candidate)));
    }
    return matches(wanted as Pattern, value);
  });
}

/** Refuses a pattern that EventBridge would refuse, or that this model does not know. */
export function checkPattern(pattern: unknown): asserts pattern is Pattern {
  if (!isObject(pattern) || Object.keys(pattern).length === 0)
    throw invalid('Event pattern is not valid. Reason: an object with at least one field is needed');
  for (const [name, wanted] of Object.entries(pattern)) {
    if (name === '$or') asList(wanted).forEach(checkPattern);
    else if (Array.isArray(wanted)) wanted.forEach(checkFilter);
    else if (isObject(wanted)) checkPattern(wanted);
    else throw invalid(`Event pattern is not valid. Reason: "${name}" must be an object or an array`);
  }
}

function checkFilter(wanted: unknown): void {
  if (!isObject(wanted)) return;
  const [name = ''] = Object.keys(wanted);
  if (!filters[name]) throw invalid(`Event pattern is not valid. Reason: Unrecognized match type ${name}`);
}

function matchesOne(wanted: unknown, value: unknown): boolean {
  if (!isObject(wanted)) return wanted === value;
  const [[name, argument]] = Object.entries(wanted) as [[string, unknown]];
  return filters[name]?.(argument, value) ?? false;
}

function numeric(comparisons: readonly (string | number)[], value: number): boolean {
  const tests: Readonly<Record<string, (limit: number) => boolean>> = {
    '=': (limit) => value === limit,
    '<': (limit) => value < limit,
    '<=': (limit) => value <= limit,
    '>': (limit) => value > limit,
    '>=': (limit) => value >= limit,
  };
  for (let index = 0; index < comparisons.length; index += 2) {
    if (!tests[String(comparisons[index])]?.(Number(comparisons[index + 1]))) return false;
  }
  return true;
}

function wildcard(text: string): RegExp {
  return new RegExp(`^${text.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`);
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidEventPatternException', message);
}
