/** Reads what a person typed. Every fault is named at once, with what was seen, so that one correction is enough. */
import type * as z from 'zod/mini';
import { faultsOf } from '../contracts/faults.ts';
import { ResumeRequest, KeyRequest, RollbackRequest } from '../contracts/operations.ts';
import { RefreshRequest, type RefreshAsked } from '../contracts/standby.ts';
import { SwitchoverRequest } from '../contracts/switchover.ts';
import { RequestRefusedError } from '../cutover/errors.ts';
import { checkApprovals } from '../recovery/request.ts';

export function parseResume(request: unknown, books: readonly string[]): ResumeRequest {
  return parse(ResumeRequest, request, books, '{ "book": "main", "reason": "…", "requestedBy": "…" }');
}

export function parseKeyRequest(request: unknown, books: readonly string[]): KeyRequest {
  return parse(KeyRequest, request, books, '{ "book": "main", "reason": "…", "requestedBy": "…" }');
}

export function parseRollback(request: unknown, books: readonly string[]): RollbackRequest {
  const parsed = parse(RollbackRequest, request, books, '{ "book": "main", "to": "previous", "reason": "…", "requestedBy": "…" }');
  const { restoreDatabaseTo, acceptDataLoss, requestedBy } = parsed;
  if ((restoreDatabaseTo === undefined) !== (acceptDataLoss === undefined)) {
    throw new RequestRefusedError(
      'restoreDatabaseTo and acceptDataLoss go together: to put the ledger back gives up what the release wrote into tables of its own. Start it again with both, as in ' +
        '"restoreDatabaseTo": "2026-11-21T08:00:00Z", "acceptDataLoss": { "reason": "…", "approvedBy": "…" }, or with neither.',
    );
  }
  checkApprovals({ acceptDataLoss }, requestedBy);
  return parsed;
}

export function parseRefresh(request: unknown, books: readonly string[]): RefreshAsked {
  const parsed = parse(RefreshRequest, request, books, '{ "book": "main" }');
  const { book, reason = 'The standby Region is to run what is live.', requestedBy = 'nobody named' } = parsed;
  return { book, reason, requestedBy };
}

/** Of all books of the installation. */
export function parseSwitchover(request: unknown): SwitchoverRequest {
  return parseAs(SwitchoverRequest, request, '{ "reason": "…", "requestedBy": "…" }');
}

function parse<S extends z.ZodMiniType<{ readonly book: string }>>(schema: S, request: unknown, books: readonly string[], example: string): z.infer<S> {
  const parsed = parseAs(schema, request, example);
  if (!books.includes(parsed.book)) {
    throw new RequestRefusedError(`There is no book '${parsed.book}' here; there are: ${books.join(', ')}. Correct the name and start again.`);
  }
  return parsed;
}

function parseAs<S extends z.ZodMiniType>(schema: S, request: unknown, example: string): z.infer<S> {
  const parsed = schema.safeParse(request);
  if (parsed.success) return parsed.data;
  throw new RequestRefusedError(`The input is wrong. ${faultsOf(parsed.error, request)}. Correct it and start again; it looks like ${example}.`);
}
