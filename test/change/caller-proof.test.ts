/** A proof of identity serves its purpose and nothing else, whatever is done to it. STS is the local one, which checks signatures. */
import { STSClient } from '@aws-sdk/client-sts';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IdentityNotProvedError, IdentityUnknownError, mayApprove, personOf, provedIdentity } from '../../lib/change/caller-proof.ts';
import { startFront, type Front } from '../../rehearsal/cloud/front.ts';
import { eksToken } from '../../rehearsal/cloud/presigned.ts';
import { createWorld, type CloudWorld } from '../../rehearsal/cloud/world.ts';
import { sts } from '../../rehearsal/services/sts.ts';

const account = '111111111111';
const region = 'us-east-1';
const permissionSet = `arn:aws:iam::${account}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_BatonApprover_0123456789abcdef`;
const ada = `arn:aws:sts::${account}:assumed-role/AWSReservedSSO_BatonApprover_0123456789abcdef/ada@example.com`;
const purpose = 'baton-test/approve/alpha-1';

let world: CloudWorld;
let front: Front;
beforeAll(async () => {
  world = createWorld({ seed: 1, accountId: account, regions: [region], services: (made) => [sts(made)] });
  front = await startFront(world);
});
afterAll(async () => {
  await world.close();
  await front.close();
});

const proofOf = (changed: Partial<Parameters<typeof eksToken>[0]> = {}): string =>
  eksToken({
    endpoint: front.endpoint, region, purpose, now: new Date(),
    credentials: world.person(permissionSet, 'ada@example.com').credentials, ...changed,
  });
const identity = (proof: string, wanted = purpose, changed: Partial<Parameters<typeof provedIdentity>[2]> = {}) =>
  provedIdentity(proof, wanted, { account, stsOrigin: front.endpoint, now: () => new Date(), fetch, ...changed });
/** The proof with its address changed. */
const altered = (change: (url: URL) => void): string => {
  const url = new URL(Buffer.from(proofOf().slice('k8s-aws-v1.'.length), 'base64url').toString());
  change(url);
  return `k8s-aws-v1.${Buffer.from(url.toString()).toString('base64url')}`;
};

describe('a proof', () => {
  test('names who signed it', async () => {
    expect(await identity(proofOf())).toEqual({ arn: ada, person: 'identity-center/ada@example.com' });
  });

  test('is signed as the SDK signs', async () => {
    const { credentials } = world.person(permissionSet, 'ada@example.com');
    const client = new STSClient({ region, credentials });
    const signer = await client.config.signer();
    const { host, hostname, port } = new URL(front.endpoint);
    const presigning = signer as unknown as { presign(request: object, options: object): Promise<{ query: Record<string, string> }> };
    const signed = await presigning.presign(
      {
        method: 'GET', protocol: 'http:', hostname, port: Number(port), path: '/',
        headers: { host, 'x-k8s-aws-id': purpose }, query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
      },
      { expiresIn: 60, unhoistableHeaders: new Set(['x-k8s-aws-id']) },
    );
    client.destroy();
    const url = `${front.endpoint}/?${new URLSearchParams(signed.query).toString()}`;
    expect(await identity(`k8s-aws-v1.${Buffer.from(url).toString('base64url')}`)).toMatchObject({ arn: ada });
  });

  test.each<[string, () => string, RegExp]>([
    ['made for another execution', () => proofOf({ purpose: 'baton-test/approve/alpha-2' }), /made for something else/],
    ['made to reject', () => proofOf({ purpose: 'baton-test/reject/alpha-1' }), /made for something else/],
    ['older than a quarter of an hour', () => proofOf({ now: new Date(Date.now() - 16 * 60_000) }), /older than 15 minutes/],
    ['from the future', () => proofOf({ now: new Date(Date.now() + 10 * 60_000) }), /from the future/],
    ['with a key nobody has', () => proofOf({ credentials: { accessKeyId: 'AKIANOBODY', secretAccessKey: 'x' } }), /does not confirm/],
    ['for another server', () => proofOf({ endpoint: 'http://127.0.0.1:1' }), /its address is not/],
    ['for another path', () => altered((url) => (url.pathname = '/identity')), /its address is not/],
    ['that asks for something else', () => altered((url) => url.searchParams.set('Action', 'GetSessionToken')), /something else than Get/],
    ['that asks twice', () => altered((url) => url.searchParams.append('Action', 'GetSessionToken')), /more or for less/],
    ['that asks for more', () => altered((url) => url.searchParams.set('RoleArn', 'x')), /more or for less/],
    ['that signs no purpose', () => altered((url) => url.searchParams.set('X-Amz-SignedHeaders', 'host')), /does not cover x-k8s-aws-id/],
    ['without a date', () => altered((url) => url.searchParams.set('X-Amz-Date', 'today')), /older than 15 minutes/],
    ['that is no proof at all', () => 'k8s-aws-v1.bm8', /does not read as/],
    ['of another kind', () => 'bearer.abc', /does not read as/],
  ])('is refused: %s', async (_, proof, why) => {
    const refused = await identity(proof()).catch((error: unknown) => error as Error);
    expect(refused).toBeInstanceOf(IdentityNotProvedError);
    expect((refused as Error).message).toMatch(why);
    expect((refused as Error).message).not.toContain('X-Amz-Signature');
  });

  test('is worth nothing with any character of it changed', async () => {
    const proof = proofOf();
    await fc.assert(
      fc.asyncProperty(fc.nat(proof.length - 1), fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_', '.'), async (at, character) => {
        fc.pre(proof[at] !== character);
        const changed = `${proof.slice(0, at)}${character}${proof.slice(at + 1)}`;
        // Bits behind the last byte decode to the same address, and that is the same proof.
        fc.pre(Buffer.from(changed.slice(11), 'base64url').compare(Buffer.from(proof.slice(11), 'base64url')) !== 0 || at < 11);
        await expect(identity(changed)).rejects.toBeInstanceOf(IdentityNotProvedError);
      }),
      { numRuns: 200 },
    );
  });

  test('of another account is refused', async () => {
    await expect(identity(proofOf(), purpose, { account: '222222222222' })).rejects.toThrow(/another account than 222222222222/);
  });

  test('about which STS cannot be asked proves and disproves nothing', async () => {
    const dark = (): Promise<Response> => Promise.reject(new Error('no route'));
    await expect(identity(proofOf(), purpose, { fetch: dark })).rejects.toBeInstanceOf(IdentityUnknownError);
    const down = (): Promise<Response> => Promise.resolve(new Response('', { status: 503 }));
    await expect(identity(proofOf(), purpose, { fetch: down })).rejects.toBeInstanceOf(IdentityUnknownError);
  });
});

describe('one person has one name', () => {
  const session = (role: string, name: string): string => `arn:aws:sts::${account}:assumed-role/${role}/${name}`;
  test('in two permission sets', () => {
    const [one, other] = ['AWSReservedSSO_Admin_aaaaaaaaaaaaaaaa', 'AWSReservedSSO_BatonApprover_0123456789abcdef'] as const;
    expect(personOf(session(one, 'ada'))).toBe(personOf(session(other, 'ada')));
  });
  test('in two sessions of a role, whose names anybody chooses', () => {
    expect(personOf(session('Approver', 'ada'))).toBe(personOf(session('Approver', 'grace')));
  });
  test('and two have two', () => {
    const users = ['desk/ada', 'grace'].map((name) => `arn:aws:iam::${account}:user/${name}`);
    const sessions = [session('Approver', 'x'), session('AWSReservedSSO_A_0123456789abcdef', 'Approver')];
    expect(new Set([...users, ...sessions].map(personOf)).size).toBe(4);
  });
  test.each([`arn:aws:iam::${account}:root`, `arn:aws:sts::${account}:federated-user/bob`])('and %s has none', (arn) => {
    expect(() => personOf(arn)).toThrow(IdentityNotProvedError);
  });
});

test.each([
  [ada, ['permission-set/BatonApprover'], true],
  [ada, ['permission-set/Baton', 'user/ada@example.com', 'role/AWSReservedSSO_BatonApprover_0123456789abcdef'], false],
  [`arn:aws:sts::${account}:assumed-role/AWSReservedSSO_BatonApprover_fake/ada`, ['permission-set/BatonApprover'], false],
  [`arn:aws:iam::${account}:user/ada`, ['user/ada'], true],
  [`arn:aws:sts::${account}:assumed-role/Approver/anybody`, ['role/Approver'], true],
  [`arn:aws:sts::${account}:assumed-role/baton-trader/task`, ['user/ada', 'role/Approver'], false],
] as const)('%s with %j: %s', (arn, approvers, may) => {
  expect(mayApprove(arn, approvers)).toBe(may);
});
