/** Approvals in memory, and people at a desk who speak for themselves: a proof is `<who>|<purpose>` here, unsigned. */
import { approvalSteps, decisionSteps, purposeOf, type ApprovalRecord, type ApprovalStore } from '../../lib/change/approvals.ts';
import type { BillGate } from '../../lib/change/bill-gate.ts';
import { IdentityNotProvedError, IdentityUnknownError, personOf, type Identity } from '../../lib/change/caller-proof.ts';
import type { changeApprovals } from '../../lib/contracts/change.ts';
import type { Implementation } from '../../lib/contracts/step.ts';
import { Secret } from '../../lib/secret.ts';

const prefix = 'k8s-aws-v1.';
export const arnOf = (name: string): string => `arn:aws:iam::111111111111:user/${name}`;

export function memoryStore(): ApprovalStore {
  const items = new Map<string, { record: ApprovalRecord; version: number }>();
  return {
    read: async (key) => items.get(key),
    write: async (key, record, version) => {
      if (items.get(key)?.version !== version) return false;
      items.set(key, { record, version: (version ?? 0) + 1 });
      return true;
    },
  };
}

export interface Desk {
  readonly machine: Implementation<typeof changeApprovals>;
  /** What somebody signs to ask for a change. */
  request(who: string, execution: string): string;
  decide(who: string, decision: 'approve' | 'reject', execution: string): Promise<{ readonly accepted: boolean; readonly message: string }>;
  /** Approves with what was signed to reject. */
  misuse(who: string, execution: string): Promise<{ readonly accepted: boolean; readonly message: string }>;
}

export function deskWith({ store, required, executionsArn, environment, bill }: {
  readonly store: ApprovalStore;
  readonly required: number;
  readonly executionsArn: string;
  readonly environment: string;
  readonly bill?: BillGate;
}): Desk {
  const prove = async (proof: string, purpose: string): Promise<Identity> => {
    const [who = '', madeFor] = Buffer.from(proof.slice(prefix.length), 'base64url').toString().trim().split('|');
    if (who === 'unknown') throw new IdentityUnknownError('STS did not answer');
    if (madeFor !== purpose) throw new IdentityNotProvedError('made for something else');
    return { arn: arnOf(who), person: personOf(arnOf(who)) };
  };
  const parts = { environment, region: 'us-east-1', store, prove, now: () => new Date('2026-11-25T20:00:00Z') };
  const approvers = ['ada', 'grace', 'edsger', 'barbara'].map((name) => `user/${name}`);
  const people = decisionSteps({ ...parts, executionsArn, approvers });
  const signed = (who: string, act: 'request' | 'approve' | 'reject', execution: string): string =>
    prefix + Buffer.from(`${who}|${purposeOf(environment, act, execution)}`.padEnd(120)).toString('base64url');
  return {
    machine: approvalSteps({ ...parts, required, ...(bill && { bill }) }),
    request: (who, execution) => signed(who, 'request', execution),
    decide: (who, decision, execution) =>
      people.decide({ execution, decision, reason: 'not now', proof: new Secret(signed(who, decision, execution)) }),
    misuse: (who, execution) => people.decide({ execution, decision: 'approve', proof: new Secret(signed(who, 'reject', execution)) }),
  };
}
