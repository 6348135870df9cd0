/** Says what is wrong with a value, field by field. The small build of zod carries no texts of its own. */
import type * as z from 'zod/mini';

const shownAtMost = 80;

/** `value` is what was parsed: with it, each fault says what was seen. */
export function faultsOf(error: z.core.$ZodError, value?: unknown): string {
  return error.issues
    .map((issue) => {
      const path = issue.path.map(String);
      const where = path.length === 0 ? 'the value' : path.join('.');
      const seen = value === undefined ? '' : ` (seen: ${shown(valueAt(value, path))})`;
      return `${where}: ${wording(issue)}${seen}`;
    })
    .join('; ');
}

function wording(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'unrecognized_keys':
      return `has fields that nobody reads: ${issue.keys.join(', ')}`;
    case 'invalid_type':
      return `must be of type ${issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    default:
      return issue.message;
  }
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined),
    value,
  );
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  // What has no JSON form, such as a function, cannot have come from outside.
  const text = JSON.stringify(value) ?? typeof value;
  return text.length <= shownAtMost ? text : `${text.slice(0, shownAtMost)}…`;
}
