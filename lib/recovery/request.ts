/** Reads what a person typed to fail over. Every fault is named at once, with what was seen, so that one correction is enough. */
import { faultsOf } from '../contracts/faults.ts';
import { FailoverRequest } from '../contracts/recovery.ts';
import { RequestRefusedError } from '../cutover/errors.ts';

export function parseFailover(request: unknown): FailoverRequest {
  const parsed = FailoverRequest.safeParse(request);
  if (!parsed.success) {
    throw new RequestRefusedError(
      `The input is not a failover. ${faultsOf(parsed.error, request)}. Correct it and start again; it looks like ` +
        '{ "reason": "us-east-1 does not answer", "requestedBy": "…" }.',
    );
  }
  const { requestedBy, force, acceptDataLoss } = parsed.data;
  checkApprovals({ force, acceptDataLoss }, requestedBy);
  return parsed.data;
}

/** What is dangerous is approved by somebody else than who asks for it. */
export function checkApprovals(approvals: Readonly<Record<string, { readonly approvedBy: string } | undefined>>, requestedBy: string): void {
  for (const [what, approval] of Object.entries(approvals)) {
    if (approval === undefined || !isSame(approval.approvedBy, requestedBy)) continue;
    throw new RequestRefusedError(`'${what}' needs a second person: ${requestedBy} cannot approve it. Name who did and start again.`);
  }
}

function isSame(one: string, other: string): boolean {
  return one.trim().toLowerCase() === other.trim().toLowerCase();
}
