/**
 * Who a person is, from nothing but an IAM identity: a request to STS `GetCallerIdentity` that the person signed and did
 * not send. We send it; STS answers whose signature it is. What the person wants stands in a signed header, so a proof
 * serves for one thing only. EKS and Vault know their callers in the same way, and `aws eks get-token` makes such a proof
 * without asking anybody; its cluster name becomes the signed header.
 */
import * as z from 'zod/mini';

/** A proof that proves nothing, or not what was asked. */
export class IdentityNotProvedError extends Error {
  override readonly name = 'IdentityNotProvedError';
}

/** STS could not be asked: nothing is known about the proof. */
export class IdentityUnknownError extends Error {
  override readonly name = 'IdentityUnknownError';
}

export interface Identity {
  readonly arn: string;
  /** Whoever it is, whatever the session is called: see `personOf`. */
  readonly person: string;
}

export interface ProofOptions {
  readonly account: string;
  /** Where STS of our Region answers, such as https://sts.us-east-1.amazonaws.com. */
  readonly stsOrigin: string;
  readonly now: () => Date;
  readonly fetch: typeof fetch;
}

const boundHeader = 'x-k8s-aws-id';
const onceEach = [
  'Action', 'Version', 'X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Date', 'X-Amz-Expires', 'X-Amz-SignedHeaders', 'X-Amz-Signature',
];
const optional = ['X-Amz-Security-Token'];
/** As long as STS takes a signature, whatever its X-Amz-Expires says. */
const validMs = 15 * 60_000;
/** A signer's clock may be ahead of ours by as much as AWS allows. */
const aheadMs = 5 * 60_000;
const stsTimeoutMs = 4000;

const Answer = z.object({
  GetCallerIdentityResponse: z.object({ GetCallerIdentityResult: z.object({ Account: z.string(), Arn: z.string() }) }),
});

/**
 * @param purpose what the proof must have been made for, word for word
 * Throws IdentityNotProvedError, IdentityUnknownError. Neither shows the proof.
 */
export async function provedIdentity(proof: string, purpose: string, options: ProofOptions): Promise<Identity> {
  const url = signedRequest(proof, options);
  let answer: Response;
  try {
    answer = await options.fetch(url, {
      headers: { [boundHeader]: purpose, accept: 'application/json' },
      // Another server's word is none.
      redirect: 'error',
      signal: AbortSignal.timeout(stsTimeoutMs),
    });
  } catch (error) {
    throw new IdentityUnknownError(`STS did not answer: ${(error as Error).message}. Try again.`);
  }
  if (answer.status >= 500) throw new IdentityUnknownError(`STS answered ${answer.status}. Try again.`);
  const parsed = Answer.safeParse(answer.ok ? await answer.json().catch(() => undefined) : undefined);
  if (!parsed.success) {
    throw new IdentityNotProvedError(
      `STS does not confirm this proof (${answer.status}). It was made for something else than '${purpose}', is older than 15 minutes, ` +
        'or its credentials have expired. Make a new one with the very command of the notice.',
    );
  }
  const { Account, Arn } = parsed.data.GetCallerIdentityResponse.GetCallerIdentityResult;
  if (Account !== options.account) {
    throw new IdentityNotProvedError(`${Arn} is of another account than ${options.account}. Use an identity of this account.`);
  }
  return { arn: Arn, person: personOf(Arn) };
}

/** Only a request that can be nothing but `GetCallerIdentity` to STS of this Region is ever sent. */
function signedRequest(proof: string, { stsOrigin, now }: ProofOptions): URL {
  const wrong = (what: string): IdentityNotProvedError =>
    new IdentityNotProvedError(`This is no proof of an identity: ${what}. Make one with \`aws eks get-token\`, as the runbook shows.`);
  const [prefix, encoded = '', ...rest] = proof.split('.');
  const text = Buffer.from(encoded, 'base64url').toString();
  if (prefix !== 'k8s-aws-v1' || rest.length > 0 || !URL.canParse(text)) throw wrong('it does not read as k8s-aws-v1 and an address');
  const url = new URL(text);
  if (url.origin !== stsOrigin || url.pathname !== '/' || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw wrong(`its address is not ${stsOrigin}/; give the command its --region`);
  }
  const names = [...url.searchParams.keys()];
  const expected = names.length === new Set(names).size && onceEach.every((name) => names.includes(name));
  if (!expected || !names.every((name) => onceEach.includes(name) || optional.includes(name))) throw wrong('it asks for more or for less');
  if (url.searchParams.get('Action') !== 'GetCallerIdentity') throw wrong('it asks for something else than GetCallerIdentity');
  const signed = (url.searchParams.get('X-Amz-SignedHeaders') ?? '').split(';');
  if (!signed.includes('host') || !signed.includes(boundHeader)) throw wrong(`its signature does not cover ${boundHeader}`);
  const signedAt = instantOf(url.searchParams.get('X-Amz-Date') ?? '');
  const ageMs = now().getTime() - signedAt;
  if (!(ageMs <= validMs && ageMs >= -aheadMs)) throw wrong('it is older than 15 minutes, or from the future');
  return url;
}

function instantOf(amzDate: string): number {
  const [, date, hour, minute, second] = /^(\d{8})T(\d{2})(\d{2})(\d{2})Z$/.exec(amzDate) ?? [];
  if (date === undefined) return Number.NaN;
  return Date.parse(`${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}T${hour}:${minute}:${second}Z`);
}

/**
 * Two ARNs of one person must not count as two. An IAM user is its name. The session of a role is called whatever its
 * caller likes, so every session of a role is one person; only IAM Identity Center names sessions itself, after the user,
 * and there a person is that user in whichever permission set.
 */
export function personOf(arn: string): string {
  const [, , service, , , resource = ''] = arn.split(':');
  const [kind, ...path] = resource.split('/');
  const name = path.at(-1) ?? '';
  if (service === 'iam' && kind === 'user') return `user/${name}`;
  const [role = '', session = ''] = path;
  if (service === 'sts' && kind === 'assumed-role') {
    return permissionSetOf(role) === undefined ? `role/${role}` : `identity-center/${session}`;
  }
  throw new IdentityNotProvedError(
    `${arn} is neither an IAM user nor a role. Nobody else can ask for or approve a change, least of all root.`,
  );
}

/** `AWSReservedSSO_<permission set>_<16 hex digits>`: a name that IAM refuses to everybody but Identity Center. */
function permissionSetOf(role: string): string | undefined {
  return /^AWSReservedSSO_(.+)_[0-9a-f]{16}$/.exec(role)?.[1];
}

/** How settings name who may approve: `user/ada`, `role/Approver` (one person), `permission-set/BatonApprover`. */
export function mayApprove(arn: string, approvers: readonly string[]): boolean {
  const role = arn.includes(':assumed-role/') ? arn.split('/')[1] : undefined;
  const permissionSet = role === undefined ? undefined : permissionSetOf(role);
  return approvers.includes(permissionSet === undefined ? personOf(arn) : `permission-set/${permissionSet}`);
}
