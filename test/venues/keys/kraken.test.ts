/** Kraken's keys, which people make: proved on a server made from its documentation: see the sources of its capabilities. */
import { createHash, createHmac } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secret } from '../../../lib/secret.ts';
import { keyProvider } from '../../../lib/venues/keys/index.ts';
import { isRefused, type KeyProvider, type TradingKey } from '../../../lib/venues/keys/provider.ts';
import { Answered, KeyServer, type SeenRequest, type ServedKey, type VenueWays } from './key-server.ts';

const answer = (result: unknown): object => ({ error: [], result });
const refused = (error: string): Answered => new Answered(200, { error: [error], result: {} });

/** Base64 of HMAC-SHA512 of the path and of a hash of nonce and form, with a secret that is base64 itself. */
function authenticate({ path, body, headers, parameters }: SeenRequest, server: KeyServer): ServedKey {
  const key = server.keys.get(String(headers['api-key']));
  if (key?.name === 'locked out') throw refused('EGeneral:Temporary lockout');
  if (key === undefined) throw refused('EAPI:Invalid key');
  const hash = createHash('sha256').update(`${parameters.get('nonce')}${body}`).digest();
  const signed = Buffer.concat([Buffer.from(path), hash]);
  if (createHmac('sha512', Buffer.from(key.secret!, 'base64')).update(signed).digest('base64') !== headers['api-sign']) throw refused('EAPI:Invalid signature');
  return key;
}

const ways: VenueWays = {
  authenticate,
  forbidden: () => refused('EGeneral:Permission denied'),
  trades: ['POST /0/private/AddOrder'],
  manages: [],
  open: {
    'GET /0/public/Time': () => answer({ unixtime: Math.floor(Date.now() / 1000) }),
    'GET /0/public/Assets': () => answer({ XXBT: { altname: 'XBT', decimals: 10 }, ZUSD: { altname: 'USD', decimals: 4 } }),
    'GET /0/public/AssetPairs': () => answer({
      XXBTZUSD: {
        altname: 'XBTUSD', wsname: 'XBT/USD', base: 'XXBT', quote: 'ZUSD', pair_decimals: 1, lot_decimals: 8, lot_multiplier: 1, ordermin: '0.0001', costmin: '0.5',
        tick_size: '0.1', status: 'online', fees: [[0, 0.26]], fees_maker: [[0, 0.16]], leverage_buy: [], leverage_sell: [],
      },
    }),
    'GET /0/public/Ticker': () => answer({ XXBTZUSD: { b: ['60000.0', '1', '1'], a: ['60000.1', '1', '1'], c: ['60000.0', '1'], v: ['1', '1'], h: ['1', '1'], l: ['1', '1'], o: '1', p: ['1', '1'], t: [1, 1] } }),
  },
  signed: {
    'POST /0/private/Balance': () => answer({}),
    'POST /0/private/AddOrder': ({ parameters }) => {
      const value = Number(parameters.get('price')) * Number(parameters.get('volume'));
      const isValid = parameters.get('validate') === 'true' && value >= 0.5 && Number(parameters.get('price')) < 50_000 && (parameters.get('cl_ord_id') ?? '').length <= 18;
      if (!isValid) throw refused('EGeneral:Invalid arguments');
      return answer({ descr: { order: 'buy 0.0001 XBTUSD @ limit 42000.0' } });
    },
  },
};

let server: KeyServer;
let keys: KeyProvider;
beforeEach(async () => {
  server = new KeyServer();
  await server.start(ways);
  keys = keyProvider('kraken', {
    url: server.url, symbol: 'BTC/USD', policy: async () => ({ addresses: [] }), randomHex: (digits) => 'a'.repeat(digits),
    managementKey: () => Promise.reject(new Error('there is none')), keyPair: () => { throw new Error('people make them'); },
  });
});
afterEach(async () => {
  await server.close();
  expect(server.missing).toEqual([]);
});
const asClient = ({ apiKey, secret }: ServedKey): TradingKey => ({ apiKey, secret: new Secret(secret!) });

test('proves that a key reads and trades, without an order, and that an old one is refused', async () => {
  const key = server.add({});
  await keys.proveRead(asClient(key));
  await keys.proveTrade(asClient(key));
  expect(server.requests.filter(({ path }) => path.endsWith('Order'))).toHaveLength(1);
  server.keys.delete(key.apiKey);
  expect(await isRefused(keys, asClient(key))).toBe(true);
  await expect(keys.proveTrade(asClient(server.add({ readOnly: true })))).rejects.toMatchObject({ name: 'KeyRefusedError', refusal: 'permission' });
  await expect(keys.proveRead({ ...asClient(server.add({})), secret: new Secret('bm9uZQ==') })).rejects.toMatchObject({ refusal: 'signature' });
});

test('leaves it to people to make, list and delete keys', async () => {
  expect(keys.capabilities.createsKeys).toBe(false);
  for (const attempt of [keys.create('x'), keys.list(), keys.delete({ apiKey: 'x', name: '' })]) await expect(attempt).rejects.toMatchObject({ name: 'KeyMadeByHandError' });
});

test('does not take an account that is locked out for a key that is refused', async () => {
  await expect(isRefused(keys, asClient(server.add({ name: 'locked out' })))).rejects.toMatchObject({ name: 'VenueUnclearError' });
});
