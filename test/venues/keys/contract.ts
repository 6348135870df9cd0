/** What every provider that makes keys must do, on the server of its venue. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secret } from '../../../lib/secret.ts';
import type { KeyVenue } from '../../../lib/venues/keys/capabilities.ts';
import { keyProvider } from '../../../lib/venues/keys/index.ts';
import { isRefused, type KeyProvider, type KeyRefusal, type TradingKey } from '../../../lib/venues/keys/provider.ts';
import { KeyServer, pemPair, type ServedKey, type VenueWays } from './key-server.ts';

export interface ContractOptions {
  readonly venue: KeyVenue;
  readonly symbol: string;
  readonly subAccount: string;
  readonly ways: VenueWays;
  /** `METHOD path` of the creation, whose answer is lost in a test. */
  readonly creation: string;
  /** Where the venue has one word for several refusals. */
  readonly words?: Partial<Record<KeyRefusal, KeyRefusal>>;
}

const name = 'baton0123456789a';
/** As a person may choose it: with signs that a query has to encode. */
const passphrase = 'A-pass&phrase+#1%';

interface Contract {
  readonly server: () => KeyServer;
  readonly provider: (managementKey?: ServedKey, addresses?: readonly string[], traded?: string) => KeyProvider;
}

export function keyContract({ venue, symbol, subAccount, ways, creation, words = {} }: ContractOptions): Contract {
  let server: KeyServer;
  let manager: ServedKey;
  const pairs: { readonly publicKey: string; readonly privateKey: string }[] = [];
  const provider: Contract['provider'] = (managementKey = manager, addresses = ['127.0.0.1', '203.0.113.7'], traded = symbol) =>
    keyProvider(venue, {
      url: server.url, symbol: traded, policy: async () => ({ addresses }), answersWithinMs: 5000,
      managementKey: async () => ({ ...asClient(managementKey), subAccount }),
      randomHex: (digits) => '0123456789abcdef'.repeat(4).slice(0, digits),
      keyPair: () => {
        const pair = pemPair();
        pairs.push(pair);
        return { publicKey: pair.publicKey, privateKey: new Secret(pair.privateKey) };
      },
    });
  const asClient = (key: ServedKey, secret = key.secret): TradingKey => ({
    apiKey: key.apiKey, secret: new Secret(secret ?? pairs.find(({ publicKey }) => publicKey.trim() === key.publicKey?.trim())!.privateKey),
    ...(key.passphrase !== undefined && { passphrase: new Secret(key.passphrase) }),
  });

  beforeEach(async () => {
    server = new KeyServer();
    await server.start(ways);
    manager = server.add({ manages: true, passphrase, addresses: ['127.0.0.1'] });
    server.add({ name: 'somebody else', passphrase });
    pairs.length = 0;
  });
  afterEach(async () => {
    await server.close();
    expect(server.missing).toEqual([]);
  });

  test('makes a key that trades from its addresses and does nothing else; deleted, it is really refused, and others are not', async () => {
    const keys = provider();
    const made = await keys.create(name);
    const { ownPublicKey, bindsAddresses } = keys.capabilities;
    expect((await keys.list()).find(({ apiKey }) => apiKey === made.apiKey)).toMatchObject({
      name, addresses: bindsAddresses ? ['127.0.0.1', '203.0.113.7'] : [], mayMoveMoney: false, createdAtMs: 1_700_000_000_000,
    });
    await keys.proveRead(made);
    await keys.proveTrade(made);
    expect(server.requests.filter(({ method, path }) => ways.trades.some((route) => new RegExp(`^${route}$`).test(`${method} ${path}`)))).not.toEqual([]);
    expect(server.orders.size).toBe(0);
    expect(await isRefused(keys, made)).toBe(false);
    if (ownPublicKey) {
      const said = server.requests.map(({ query, body, headers }) => decodeURIComponent(`${query} ${body}`.replaceAll('+', ' ')) + JSON.stringify(headers)).join('\n');
      expect(said).toContain(pairs[0]!.publicKey.split('\n')[1]!);
      expect(said).not.toContain(pairs[0]!.privateKey.split('\n')[1]!);
    }

    await keys.delete({ ...made, name });
    await expect(keys.proveRead(made)).rejects.toMatchObject({ name: 'KeyRefusedError', refusal: 'unknown' });
    expect(await isRefused(keys, made)).toBe(true);
    await keys.delete({ ...made, name });
    expect((await keys.list()).map((key) => key.name)).toEqual(['somebody else']);
  });

  test('deletes a key that somebody else made, by what is known of it', async () => {
    const other = server.trading[0]!;
    await provider().delete({ ...asClient(other), name: other.name });
    expect(server.trading).toEqual([]);
  });

  test('tells refusals apart, as far as the venue does', async () => {
    const keys = provider();
    const refused = (refusal: KeyRefusal) => ({ name: 'KeyRefusedError', refusal: words[refusal] ?? refusal });
    const good = server.add({ passphrase });
    await keys.proveTrade(asClient(good));
    await expect(keys.proveRead({ ...asClient(good), apiKey: 'nobody' })).rejects.toMatchObject(refused('unknown'));
    await expect(keys.proveRead(asClient(good, Buffer.from('another secret').toString('base64')))).rejects.toMatchObject(refused('signature'));
    await expect(keys.proveTrade(asClient(server.add({ passphrase, readOnly: true })))).rejects.toMatchObject(refused('permission'));
    if (keys.capabilities.bindsAddresses) {
      await expect(keys.proveRead(asClient(server.add({ passphrase, addresses: ['203.0.113.9'] })))).rejects.toMatchObject(refused('address'));
    }
  });

  test('says that the management key is refused', async () => {
    const before = server.keys.size;
    for (const other of [server.trading[0]!, { ...manager, apiKey: 'nobody' }]) {
      await expect(provider(other).create(name)).rejects.toMatchObject({ name: 'ManagementKeyRefusedError' });
    }
    expect(server.keys.size).toBe(before);
  });

  test('an answer that is lost is no refusal: the key is there, by its name, and its secret in no error', async () => {
    const keys = provider();
    server.silentOnce = creation;
    const error = await keys.create(name).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ name: 'VenueUnclearError' });
    const [orphan] = (await keys.list()).filter((key) => key.name === name);
    const { secret } = server.keys.get(orphan!.apiKey)!;
    if (secret !== undefined) expect(`${(error as Error).stack} ${JSON.stringify(error)}`).not.toContain(secret);
    await keys.delete(orphan!);
    expect(server.trading).toHaveLength(1);
  });

  test('binds a key to no address where the policy names none', async () => {
    const { apiKey } = await provider(manager, []).create(name);
    expect(server.keys.get(apiKey)!.addresses).toEqual([]);
  });

  return { server: () => server, provider };
}
