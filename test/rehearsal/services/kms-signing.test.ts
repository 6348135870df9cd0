/** A key that signs: what it signed is verified by anybody with its public half, and by nobody else's. */
import { createPublicKey, verify } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { kms } from '../../../rehearsal/services/kms.ts';

const region = 'us-east-1';
let world: CloudWorld;
const ids: Record<string, string> = {};
const call = async (operation: string, input: Record<string, unknown>): Promise<any> => world.call({ service: 'kms', operation, region, caller: world.operator.caller, input });
const signed = (KeyId: string | undefined, text: string, more: Record<string, unknown> = {}) =>
  call('Sign', { KeyId, Message: Buffer.from(text), MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256', ...more });

beforeAll(async () => {
  world = createWorld({ seed: 1, accountId: '111111111111', regions: [region], services: (made) => [kms(made)] });
  const create = world.model('kms')!.resources!['AWS::KMS::Key']!;
  for (const [name, properties] of Object.entries({ signing: { KeyUsage: 'SIGN_VERIFY', KeySpec: 'ECC_NIST_P256' }, other: { KeyUsage: 'SIGN_VERIFY', KeySpec: 'ECC_NIST_P256' }, data: {} })) {
    ids[name] = (await create({ type: 'AWS::KMS::Key', logicalId: name, stackName: 'test', region, generatedName: name, properties })).ref;
  }
});
afterAll(() => world.close());

it('verifies with its own public key, and not another text or key', async () => {
  const { Signature } = (await signed(ids['signing'], 'a statement')) as { Signature: Uint8Array };
  const publicOf = async (name: string) => createPublicKey({ key: Buffer.from(((await call('GetPublicKey', { KeyId: ids[name] })) as { PublicKey: Uint8Array }).PublicKey), format: 'der', type: 'spki' });
  const verified = async (text: string, name: string) => verify('sha256', Buffer.from(text), await publicOf(name), Signature);
  expect([await verified('a statement', 'signing'), await verified('another', 'signing'), await verified('a statement', 'other')]).toEqual([true, false, false]);
});

it('is refused for a key of another use, for what is too long, and while the key is off', async () => {
  await expect(signed(ids['data'], 'x')).rejects.toMatchObject({ name: 'InvalidKeyUsageException' });
  await expect(signed(ids['signing'], 'x'.repeat(4097))).rejects.toMatchObject({ name: 'ValidationException' });
  await expect(signed(ids['signing'], 'x', { SigningAlgorithm: 'RSASSA_PSS_SHA_256' })).rejects.toMatchObject({ name: 'NotImplemented' });
  await call('DisableKey', { KeyId: ids['signing'] });
  await expect(signed(ids['signing'], 'x')).rejects.toMatchObject({ name: 'DisabledException' });
});
