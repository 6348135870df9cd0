/** Reads what a person typed. Every fault is named at once, with what was seen, so that one correction is enough. */
import { CutoverRequest } from '../contracts/cutover.ts';
import { RequestRefusedError } from './errors.ts';

const example = '{ "book": "main", "images": { "trader": "sha256:…", "guard": "sha256:…" }, "reason": "…", "requestedBy": "…" }';
const shownAtMost = 80;

export function parseCutoverRequest(request: unknown, books: readonly string[]): CutoverRequest {
  const parsed = CutoverRequest.safeParse(request);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => {
      const path = issue.path.map(String);
      return `${path.length === 0 ? 'the input' : path.join('.')}: ${issue.message} (seen: ${shown(valueAt(request, path))})`;
    });
    throw new RequestRefusedError(`The input is not a cutover. ${faults.join('; ')}. Correct it and start again; it looks like ${example}.`);
  }
  if (!books.includes(parsed.data.book)) {
    throw new RequestRefusedError(`There is no book '${parsed.data.book}' here; there are: ${books.join(', ')}. Correct the name and start again.`);
  }
  return parsed.data;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, key) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined), value);
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= shownAtMost ? text : `${text.slice(0, shownAtMost)}…`;
}
