/** Reads what a person typed to put the database back. Every fault is named at once, with what was seen, so that one correction is enough. */
import { faultsOf } from '../contracts/faults.ts';
import { RestoreRequest } from '../contracts/restore.ts';
import { RequestRefusedError } from '../cutover/errors.ts';
import { checkApprovals } from '../recovery/request.ts';

const example = '{ "to": "2026-11-21T08:00:00Z", "reason": "…", "requestedBy": "…", "acceptDataLoss": { "reason": "…", "approvedBy": "…" } }';

export function parseRestore(request: unknown): RestoreRequest {
  const parsed = RestoreRequest.safeParse(request);
  if (!parsed.success) {
    throw new RequestRefusedError(`The input is no restore. ${faultsOf(parsed.error, request)}. Correct it and start again; it looks like ${example}.`);
  }
  const { requestedBy, acceptDataLoss, force } = parsed.data;
  checkApprovals({ acceptDataLoss, force }, requestedBy);
  return parsed.data;
}
