/** One secret's versions in the local Secrets Manager, as the rotation reads and writes them. */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StoredKey } from '../../lib/key-rotation/ports.ts';
import { keySecret, readManagementKey } from '../../lib/key-rotation/secret-store.ts';
import { Secret } from '../../lib/secret.ts';
import { startFront, type Front } from '../../rehearsal/cloud/front.ts';
import { createWorld, type CloudWorld } from '../../rehearsal/cloud/world.ts';
import { kms } from '../../rehearsal/services/kms.ts';
import { secretsmanager } from '../../rehearsal/services/secretsmanager.ts';

const [east, west] = ['us-east-1', 'us-west-2'] as const;
const version = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;
let world: CloudWorld;
let front: Front;
const clients = new Map<string, SecretsManagerClient>();
let made = 0;

beforeAll(async () => {
  world = createWorld({ seed: 11, accountId: '111122223333', regions: [east, west], services: (inner) => [kms(inner), secretsmanager(inner)] });
  front = await startFront(world);
  for (const region of [east, west]) clients.set(region, new SecretsManagerClient({ region, endpoint: front.endpoint, credentials: world.operator.credentials, maxAttempts: 1 }));
});
afterAll(async () => {
  for (const client of clients.values()) client.destroy();
  await front.close();
  await world.close();
});

async function newSecret(value: unknown): Promise<string> {
  const name = `venue${(made += 1)}`;
  const maker = world.models().flatMap((model) => model.resources?.['AWS::SecretsManager::Secret'] ?? [])[0];
  await maker?.({
    type: 'AWS::SecretsManager::Secret', logicalId: 'L', stackName: 's', region: east, generatedName: `s-${world.uniqueId(6)}`,
    properties: { Name: name, SecretString: typeof value === 'string' ? value : JSON.stringify(value), ReplicaRegions: [{ Region: west }] },
  });
  return name;
}
const store = (name: string, region: string = east) => keySecret(clients.get(region)!, name, region);
const key = (apiKey: string): StoredKey => ({
  apiKey, secret: new Secret(`secret of ${apiKey}`), passphrase: new Secret('a passphrase'), name: 'baton0123456789a', createdAt: '2026-11-21T00:00:00.000Z',
  retires: [{ apiKey: 'first', name: '', version: version(9) }],
});
const signing = ({ apiKey, secret, passphrase }: StoredKey): readonly (string | undefined)[] => [apiKey, secret.reveal(), passphrase?.reveal()];

test('a version is staged, promoted and read back whole; the one before it is the previous one', async () => {
  const own = store(await newSecret({ apiKey: 'first', secret: 's' }));
  const { current: first } = await own.see();
  await own.storePending(version(1), key('one'));
  expect(await own.see()).toEqual({ isPrimary: true, rotationEnabled: false, current: first, pending: version(1) });
  await own.promote(version(1), first);
  expect(await own.see()).toEqual({ isPrimary: true, rotationEnabled: false, current: version(1), previous: first });
  const read = (await own.read(version(1)))!;
  expect(signing(read)).toEqual(signing(key('one')));
  expect(read).toMatchObject({ name: 'baton0123456789a', createdAt: '2026-11-21T00:00:00.000Z', retires: [{ apiKey: 'first', version: version(9) }] });
  // What a person put in says no more than what signs.
  expect(await own.read(first)).toMatchObject({ apiKey: 'first', name: '', retires: [] });
});

test('a value that a version has stays, whoever comes with another one', async () => {
  const own = store(await newSecret({ apiKey: 'first', secret: 's' }));
  await own.storePending(version(1), key('one'));
  await own.storePending(version(1), key('another'));
  expect((await own.read(version(1)))?.apiKey).toBe('one');
});

test('a version is given up; the next one may begin', async () => {
  const own = store(await newSecret({ apiKey: 'first', secret: 's' }));
  await own.storePending(version(1), key('one'));
  await own.dropPending(version(1));
  expect((await own.see()).pending).toBeUndefined();
  await own.storePending(version(2), key('two'));
  expect((await own.see()).pending).toBe(version(2));
});

test('a replica knows that it is one, and is not written', async () => {
  const name = await newSecret({ apiKey: 'first', secret: 's' });
  const replica = store(name, west);
  const { isPrimary, current } = await replica.see();
  expect(isPrimary).toBe(false);
  expect((await store(name).see()).isPrimary).toBe(true);
  expect((await replica.read(current))?.apiKey).toBe('first');
  await expect(replica.storePending(version(1), key('one'))).rejects.toThrow('replica');
});

test('what is no key is no version, and said nowhere', async () => {
  for (const value of ['generated-by-nobody', '{"apiKey":1}', '{"apiKey":"only"}', '[]']) {
    const name = await newSecret(value);
    const { current } = await store(name).see();
    expect(await store(name).read(current)).toBeUndefined();
    const error = await readManagementKey(clients.get(east)!, name).catch((thrown: Error) => thrown);
    expect((error as Error).message).toMatch(/has no apiKey, secret and subAccount/);
    expect(String((error as Error).stack)).not.toContain(value);
  }
  expect(await store(await newSecret({ apiKey: 'first', secret: 's' })).read(version(7))).toBeUndefined();
});

test('the management key comes with its sub-account, and prints as nothing', async () => {
  const found = await readManagementKey(clients.get(east)!, await newSecret({ apiKey: 'm', secret: 'the managers secret', subAccount: '5000001' }));
  expect(found).toMatchObject({ apiKey: 'm', subAccount: '5000001' });
  expect(JSON.stringify(found)).not.toContain('the managers secret');
});
