/**
 * Who approves a change. One record for each execution, changed by compare-and-swap only, so that every rule is judged on
 * what is true at the write: enough different people, none of them the requester, none twice, none late.
 */
import { createHash } from 'node:crypto';
import type { changeApprovals, decideChange } from '../contracts/change.ts';
import type { Implementation } from '../contracts/step.ts';
import { type BillGate, weigh } from './bill-gate.ts';
import { IdentityNotProvedError, IdentityUnknownError, mayApprove, type Identity } from './caller-proof.ts';

export interface ApprovalRecord {
  /** Of the execution. */
  readonly startedAt: string;
  readonly required: number;
  readonly requester: Identity;
  readonly state: 'open' | 'approved' | 'rejected' | 'expired';
  readonly approvals: readonly (Identity & { readonly at: string })[];
  readonly rejection?: Identity & { readonly at: string; readonly reason: string };
  /** What was approved. */
  readonly change?: ApprovedChange;
  /** A month of what was deployed then: agreed to with it. */
  readonly billUsd?: number;
}

export interface ApprovedChange {
  readonly books: readonly string[];
  readonly images: { readonly trader: string; readonly guard: string };
}

export interface ApprovalStore {
  /** The latest there is, and its version. */
  read(execution: string): Promise<{ readonly record: ApprovalRecord; readonly version: number } | undefined>;
  /** False when the record has changed since that version was read; undefined expects none. */
  write(execution: string, record: ApprovalRecord, version: number | undefined): Promise<boolean>;
}

/** Neither the table nor STS is to blame on the one who asks: the same again may work. */
export class ApprovalsUnreachableError extends Error {
  override readonly name = 'ApprovalsUnreachableError';
}

/** The execution that this one says it is a part of has no approvals for it. */
export class NotApprovedError extends Error {
  override readonly name = 'NotApprovedError';
}

/** A decision that does not count, in words for the one who made it. */
class DecisionRefused extends Error {}

const swapsAtMost = 10;
/** For how long after its start the approvals of an execution hold for its parts: longer than any canary runs. */
const holdsForMs = 12 * 3_600_000;

/** What a proof is made for. The slash keeps it apart from every cluster of EKS: none may have one in its name. */
export function purposeOf(environment: string, act: 'request' | 'approve' | 'reject', execution: string): string {
  return `baton-${environment}/${act}/${execution}`;
}

export interface ApprovalsParts {
  readonly environment: string;
  readonly region: string;
  readonly store: ApprovalStore;
  readonly prove: (proof: string, purpose: string) => Promise<Identity>;
  readonly now: () => Date;
}

export function approvalSteps(
  parts: ApprovalsParts & { readonly required: number; readonly bill?: BillGate },
): Implementation<typeof changeApprovals> {
  const { environment, store, required, bill } = parts;
  return {
    async open({ execution, name, startedAt, proof, within, least: ofTheChange, ...wanted }) {
      // A part of a canary was weighed with it.
      const weighed = await weigh(within === '' ? bill : undefined);
      const least = Math.max(ofTheChange, weighed.least);
      if (required === 0 && least === 0) return { required, requester: '', approvedBy: [], commands: '' };
      const around = within === '' || required === 0 ? undefined : await approvedWithin(within, execution, wanted);
      if (around !== undefined && least === 0) {
        return { required: 0, requester: around.requester.arn, approvedBy: around.approvals.map(({ arn }) => arn), commands: '' };
      }
      const purpose = purposeOf(environment, 'request', name);
      if (proof === undefined && around === undefined && required > 0) {
        throw new IdentityNotProvedError(
          `Changes of ${environment} need ${required} approvals, so the input must prove who asks: ` +
            `"proof": "$(${proofCommand(parts.region, purpose)})".`,
        );
      }
      // Where the environment wants no approvals, nobody has to prove who asks: then anybody who may can decide.
      const nobody = { arn: 'somebody', person: '' };
      const requester = around?.requester ?? (proof === undefined ? nobody : await sure(parts.prove(proof.reveal(), purpose)));
      const asked = Math.max(required, least);
      await change(store, execution, (found) =>
        // The same execution again finds its own record; another one of the same name, months ago, is over.
        found?.startedAt === startedAt ? found : { startedAt, required: asked, requester, state: 'open', approvals: [], change: wanted, ...(weighed.usd !== undefined && { billUsd: weighed.usd }) });
      const commands = [weighed.inWords, commandsOf(parts, name)].filter((text) => text !== '').join('\n\n');
      return { required: asked, requester: requester.arn, approvedBy: [], commands };
    },
    async extend({ execution, book }) {
      // Where no approvals are asked for, there is no record, and nobody asks for one.
      if (required === 0) return { books: [book] };
      const { change: approvedChange } = await change(store, execution, (found) => {
        if (found?.change === undefined) throw new Error(`nobody opened the approvals of ${execution}`);
        const { books, images } = found.change;
        return books.includes(book) ? found : { ...found, change: { books: [...books, book], images } };
      });
      return { books: [...(approvedChange?.books ?? [])] };
    },
    async look({ execution, last }) {
      const { state, approvals, rejection, required: wanted, billUsd } = await change(store, execution, (found) => {
        if (found === undefined) throw new Error(`nobody opened the approvals of ${execution}`);
        if (found.state !== 'open') return found;
        if (found.approvals.length >= found.required) return { ...found, state: 'approved' };
        return last ? { ...found, state: 'expired' } : found;
      });
      if (state === 'approved' && billUsd !== undefined) await bill?.agreed.write(billUsd);
      const approvedBy = approvals.map(({ arn }) => arn);
      const seen = rejection === undefined
        ? `${approvals.length} of ${wanted} approvals${approvedBy.length === 0 ? '' : `, by ${approvedBy.join(' and ')}`}`
        : `${rejection.arn} rejected it: ${rejection.reason}`;
      return { state: state === 'open' ? 'waiting' : state, approvedBy, seen };
    },
  };

  async function approvedWithin(within: string, execution: string, { books, images }: ApprovedChange): Promise<ApprovalRecord> {
    const record = isPartOf(execution, within, environment) ? (await store.read(within))?.record : undefined;
    const age = parts.now().getTime() - Date.parse(record?.startedAt ?? '');
    const isSame = record?.change?.images.trader === images.trader && record.change.images.guard === images.guard;
    if (record?.state !== 'approved' || !isSame || !books.every((book) => record.change?.books.includes(book)) || !(age < holdsForMs)) {
      throw new NotApprovedError(
        `${within} has no approvals that hold for ${execution}: they are those of a canary, for the executions that it starts itself, with ` +
          'these images, on the book that it is at, for twelve hours. Start this without "within", with approvals of its own.',
      );
    }
    return record;
  }
}

/** What a canary calls the executions that it starts: the machine makes the same names. No name serves twice in ninety days. */
export function partName(canary: string, part: 'trial' | 'promotion'): string {
  const name = canary.slice(canary.lastIndexOf(':') + 1);
  return `${name.slice(0, 50)}-${createHash('sha256').update(canary).digest('hex').slice(0, 8)}-${part}`;
}

/** Whether it was started by that canary, or is the decision about it. */
function isPartOf(execution: string, canary: string, environment: string): boolean {
  if (!canary.includes(`:execution:baton-${environment}-canary:`)) return false;
  const parts = (['trial', 'promotion'] as const).map((part) => partName(canary, part));
  return execution === `${canary}/verdict` || parts.includes(execution.slice(execution.lastIndexOf(':') + 1));
}

/** The ARN of the execution that a change is named after: `run` is of the cutover, `canary/run` of the canary. */
function executionOf(executionsArn: string, named: string): string {
  const [machine = '', ...rest] = named.includes('/') ? named.split('/') : ['cutover', named];
  return `${executionsArn}${machine}:${rest.join('/')}`;
}

/** What people call. */
export function decisionSteps(
  parts: ApprovalsParts & { readonly approvers: readonly string[]; readonly executionsArn: string },
): Implementation<typeof decideChange> {
  const { environment, store, approvers, executionsArn } = parts;
  return {
    async decide({ execution, decision, reason, proof }) {
      try {
        const purpose = purposeOf(environment, decision, execution);
        const who = await sure(parts.prove(proof.reveal(), purpose));
        if (!mayApprove(who.arn, approvers)) {
          throw new DecisionRefused(`${who.arn} may not decide about changes; ${approvers.join(', ')} may.`);
        }
        const at = parts.now().toISOString();
        const record = await change(store, executionOf(executionsArn, execution), (found) => {
          if (found === undefined) {
            throw new DecisionRefused(`No change '${execution}' waits for approvals. Look at the name in the notice.`);
          }
          if (decision === 'approve') return approved(found, { ...who, at });
          return rejected(found, { ...who, at, reason: reason ?? 'no reason given' });
        });
        if (decision === 'reject') return { accepted: true, message: `Rejected by ${who.arn}: the change ends as refused.` };
        return { accepted: true, message: `Approved by ${who.arn}: ${record.approvals.length} of ${record.required}.` };
      } catch (error) {
        if (error instanceof DecisionRefused || error instanceof IdentityNotProvedError) return { accepted: false, message: error.message };
        throw error;
      }
    },
  };
}

function approved(record: ApprovalRecord, approval: ApprovalRecord['approvals'][number]): ApprovalRecord {
  if (approval.person === record.requester.person) {
    throw new DecisionRefused(`${approval.arn} asked for this change and cannot approve it. Somebody else must.`);
  }
  if (record.approvals.some(({ person }) => person === approval.person)) {
    throw new DecisionRefused(`${approval.arn} has approved this change already, and counts once. Somebody else must approve it too.`);
  }
  refuseIfOver(record);
  return { ...record, approvals: [...record.approvals, approval] };
}

/** The requester may take a request back. */
function rejected(record: ApprovalRecord, rejection: NonNullable<ApprovalRecord['rejection']>): ApprovalRecord {
  refuseIfOver(record);
  return { ...record, state: 'rejected', rejection };
}

function refuseIfOver({ state, approvals, required }: ApprovalRecord): void {
  const over = state === 'open' && approvals.length >= required ? 'approved' : state;
  if (over !== 'open') throw new DecisionRefused(`Too late: this change is ${over} already.`);
}

/** Reads, decides, writes, and again when somebody else wrote in between. A decision that changes nothing writes nothing. */
async function change(
  store: ApprovalStore, execution: string, decide: (found: ApprovalRecord | undefined) => ApprovalRecord,
): Promise<ApprovalRecord> {
  for (let swap = 0; swap < swapsAtMost; swap += 1) {
    const found = await store.read(execution);
    const next = decide(found?.record);
    if (next === found?.record || (await store.write(execution, next, found?.version))) return next;
  }
  throw new ApprovalsUnreachableError(`The approvals of ${execution} changed ${swapsAtMost} times meanwhile. Try again.`);
}

async function sure(proving: Promise<Identity>): Promise<Identity> {
  try {
    return await proving;
  } catch (error) {
    if (error instanceof IdentityUnknownError) throw new ApprovalsUnreachableError(error.message);
    throw error;
  }
}

function proofCommand(region: string, purpose: string): string {
  return `aws eks get-token --region ${region} --cluster-name ${purpose} --query status.token --output text`;
}

/** For a shell: each makes its proof and gives it to the function in one line. */
function commandsOf({ environment, region }: ApprovalsParts, execution: string): string {
  const command = (decision: 'approve' | 'reject', more: string): string => {
    const proof = `$(${proofCommand(region, purposeOf(environment, decision, execution))})`;
    const payload = `{"step":"decide","decision":"${decision}","execution":"${execution}"${more},"proof":"'"${proof}"'"}`;
    return `aws lambda invoke --region ${region} --function-name baton-${environment}-decide-change ` +
      `--cli-binary-format raw-in-base64-out --payload '${payload}' /dev/stdout`;
  };
  return `Approve:\n${command('approve', '')}\n\nReject:\n${command('reject', ',"reason":"…"')}`;
}
