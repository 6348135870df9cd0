/**
 * Requests that are signed in their address, as people make them with `aws eks get-token`, and STS's answer to them. Here
 * the signature is checked, unlike in other requests: whether a proof of identity is bound to its purpose hangs on it.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Caller, Credentials } from './model.ts';

const algorithm = 'AWS4-HMAC-SHA256';
/** Of an empty body. */
const emptyHash = createHash('sha256').digest('hex');
const boundHeader = 'x-k8s-aws-id';
/** As long as STS takes such a signature; X-Amz-Expires does not shorten it. */
const validMs = 15 * 60_000;

/** What `aws eks get-token --cluster-name <purpose> --query status.token` prints. */
export function eksToken({ endpoint, region, credentials, purpose, now }: {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: Credentials;
  readonly purpose: string;
  readonly now: Date;
}): string {
  const date = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const url = new URL(endpoint);
  const query = new URLSearchParams({
    Action: 'GetCallerIdentity',
    Version: '2011-06-15',
    'X-Amz-Algorithm': algorithm,
    'X-Amz-Credential': `${credentials.accessKeyId}/${date.slice(0, 8)}/${region}/sts/aws4_request`,
    'X-Amz-Date': date,
    'X-Amz-Expires': '60',
    'X-Amz-SignedHeaders': `host;${boundHeader}`,
  });
  query.set('X-Amz-Signature', signature(query, { host: url.host, [boundHeader]: purpose }, credentials.secretAccessKey));
  url.search = query.toString();
  return `k8s-aws-v1.${Buffer.from(url.toString()).toString('base64url')}`;
}

export interface PresignedRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

/** Whose signature it is; undefined when it is nobody's, or too old. */
export function presigner(
  { method, query, headers }: PresignedRequest, secretOf: (accessKeyId: string) => string | undefined, now: Date,
): string | undefined {
  const [accessKeyId = ''] = (query.get('X-Amz-Credential') ?? '').split('/');
  const secret = secretOf(accessKeyId);
  const [, day = '', time = ''] = /^(\d{8})T(\d{6})Z$/.exec(query.get('X-Amz-Date') ?? '') ?? [];
  const signedAt = Date.parse(`${day.replace(/(....)(..)(..)/, '$1-$2-$3')}T${time.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`);
  if (secret === undefined || method !== 'GET' || !(Math.abs(now.getTime() - signedAt) <= validMs)) return undefined;
  const signedHeaders = (query.get('X-Amz-SignedHeaders') ?? '').split(';');
  const values = Object.fromEntries(signedHeaders.map((name) => [name, String(headers[name] ?? '')]));
  const unsigned = new URLSearchParams([...query].filter(([name]) => name !== 'X-Amz-Signature'));
  const expected = Buffer.from(signature(unsigned, values, secret));
  const given = Buffer.from(query.get('X-Amz-Signature') ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected) ? accessKeyId : undefined;
}

/** What STS says of a caller in JSON, which it does when asked for it. */
export function callerIdentity(accountId: string, { accessKeyId, roleArn, sessionName = 'local' }: Caller): Record<string, string> {
  const role = roleArn?.split('/').pop();
  return role === undefined
    ? { Account: accountId, Arn: `arn:aws:iam::${accountId}:user/operator`, UserId: accessKeyId }
    : { Account: accountId, Arn: `arn:aws:sts::${accountId}:assumed-role/${role}/${sessionName}`, UserId: `${accessKeyId}:${sessionName}` };
}

/** Signature Version 4 over a GET of `/` without a body. */
function signature(query: URLSearchParams, headers: Readonly<Record<string, string>>, secret: string): string {
  const hex = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  const encoded = (text: string): string => encodeURIComponent(text).replaceAll(/[!'()*]/g, hex);
  const canonicalQuery = [...query].map(([name, value]) => `${encoded(name)}=${encoded(value)}`).toSorted().join('&');
  const names = Object.keys(headers).toSorted();
  const canonicalHeaders = names.map((name) => `${name}:${headers[name]?.trim()}\n`).join('');
  const canonical = ['GET', '/', canonicalQuery, canonicalHeaders, names.join(';'), emptyHash].join('\n');
  const [, ...scope] = (query.get('X-Amz-Credential') ?? '').split('/');
  const toSign = [algorithm, query.get('X-Amz-Date'), scope.join('/'), createHash('sha256').update(canonical).digest('hex')].join('\n');
  const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return hmac(key, toSign).toString('hex');
}
