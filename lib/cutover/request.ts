/** Reads what a person typed. Every fault is named at once, with what was seen, so that one correction is enough. */
import { CutoverRequest } from '../contracts/cutover.ts';
import { faultsOf } from '../contracts/faults.ts';
import { RequestRefusedError } from './errors.ts';

const example =
  '{ "book": "main", "images": { "trader": "sha256:…", "guard": "sha256:…" }, "reason": "…", "requestedBy": "…", ' +
  '"change": { "risk": 2, "costImpactUsdMonthly": 0, "summary": "…" } }';

export function parseCutoverRequest(request: unknown, books: readonly string[]): CutoverRequest {
  const parsed = CutoverRequest.safeParse(request);
  if (!parsed.success) {
    throw new RequestRefusedError(
      `The input is not a cutover. ${faultsOf(parsed.error, request)}. Correct it and start again; it looks like ${example}.`,
    );
  }
  if (!books.includes(parsed.data.book)) {
    throw new RequestRefusedError(
      `There is no book '${parsed.data.book}' here; there are: ${books.join(', ')}. Correct the name and start again.`,
    );
  }
  const { force, requestedBy } = parsed.data;
  if (force !== undefined && force.approvedBy.trim().toLowerCase() === requestedBy.trim().toLowerCase()) {
    throw new RequestRefusedError(`A force needs a second person: ${requestedBy} cannot approve it. Name who did and start again.`);
  }
  return parsed.data;
}
