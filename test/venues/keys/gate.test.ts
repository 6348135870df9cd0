/** Gate's keys, on a server made from its documentation: see the sources of its capabilities. */
import { createHash, createHmac } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { expect, test } from 'vitest';
import { keyContract } from './contract.ts';
import { Answered, type KeyServer, type SeenRequest, type ServedKey, type VenueWays } from './key-server.ts';

const userId = '10406147';
const refused = (label: string, message: string, status = 401): Answered => new Answered(status, { label, message });

/** HMAC-SHA512 of method, path, query, hash of the body and time, a line each. */
function authenticate({ method, path, query, body, headers, address }: SeenRequest, server: KeyServer): ServedKey {
  const key = server.keys.get(String(headers['key']));
  if (key === undefined) throw refused('INVALID_KEY', 'Invalid API key');
  const timestamp = String(headers['timestamp']);
  if (Math.abs(Number(timestamp) * 1000 - Date.now()) > 60_000) throw refused('REQUEST_EXPIRED', 'gap between request Timestamp and server time exceeds 60');
  const signed = [method, path, decodeURIComponent(query), createHash('sha512').update(body).digest('hex'), timestamp].join('\n');
  if (createHmac('sha512', key.secret!).update(signed).digest('hex') !== headers['sign']) throw refused('INVALID_SIGNATURE', 'Signature mismatch');
  if (key.addresses.length > 0 && !key.addresses.includes(address)) throw refused('IP_FORBIDDEN', 'Request IP not in whitelist');
  return key;
}
/** What a key is for, where not spot. */
const products = new WeakMap<ServedKey, string>();
const productOf = (key: ServedKey): string => products.get(key) ?? 'spot';
const onlyFor = (product: string, key: ServedKey): void => {
  if (productOf(key) !== product) throw refused('FORBIDDEN', 'Account has no permission to request operation');
};
const shown = (key: ServedKey): object => ({
  user_id: Number(userId), mode: 1, name: key.name, perms: [{ name: productOf(key), read_only: key.readOnly === true }], ip_whitelist: key.addresses,
  key: key.apiKey, state: 1, created_at: key.createdAtMs / 1000, update_at: key.createdAtMs / 1000, last_access: (key.lastUsedAtMs ?? 0) / 1000,
});
const keysPath = `/api/v4/sub_accounts/${userId}/keys`;

const ways: VenueWays = {
  authenticate,
  forbidden: ({ readOnly }) => (readOnly === true ? refused('READ_ONLY', 'API key is read-only') : refused('FORBIDDEN', 'Account has no permission to request operation')),
  trades: ['POST /api/v4/spot/orders', 'DELETE /api/v4/spot/orders/\\w+'],
  manages: [`GET ${keysPath}`, `POST ${keysPath}`, `DELETE ${keysPath}/\\w+`],
  open: {
    'GET /api/v4/spot/time': () => ({ server_time: Date.now() }),
    'GET /api/v4/spot/currency_pairs': () => [{
      id: 'BTC_USDT', base: 'BTC', quote: 'USDT', fee: '0.2', min_base_amount: '0.00001', min_quote_amount: '3', amount_precision: 6, precision: 1, trade_status: 'tradable', sell_start: 0, buy_start: 0,
    }],
    'GET /api/v4/margin/currency_pairs': () => [],
    'GET /api/v4/spot/tickers': () => [{ currency_pair: 'BTC_USDT', highest_bid: '60000', lowest_ask: '60000.1', last: '60000' }],
  },
  signed: {
    'GET /api/v4/spot/accounts': (_request, key) => {
      onlyFor('spot', key);
      return [];
    },
    'GET /api/v4/futures/usdt/accounts': (_request, key) => {
      onlyFor('futures', key);
      return { total: '0', currency: 'USDT' };
    },
    'GET /api/v4/spot/orders': (_request, _key, server) => [...server.orders.values()],
    'GET /api/v4/spot/open_orders': (_request, _key, server) => [{ currency_pair: 'BTC_USDT', total: server.orders.size, orders: [...server.orders.values()] }],
    'POST /api/v4/spot/orders': ({ body }, _key, server) => {
      const { price = '', amount = '', text = '', time_in_force: timeInForce } = JSON.parse(body) as Record<string, string>;
      const isValid = Number(price) < 50_000 && Number(price) * Number(amount) >= 3 && timeInForce === 'poc' && /^t-[\w.-]{1,28}$/.test(text);
      if (!isValid) throw refused('INVALID_PARAM_VALUE', `price ${price} amount ${amount} text ${text}`, 400);
      const order = {
        id: `9${server.orders.size}`, text, currency_pair: 'BTC_USDT', type: 'limit', account: 'spot', side: 'buy', amount, price, left: amount, status: 'open',
        create_time_ms: '1700000000000', update_time_ms: '1700000000000', time_in_force: 'poc', fee: '0', filled_total: '0',
      };
      server.orders.set(order.id, order);
      return order;
    },
    'DELETE /api/v4/spot/orders/\\w+': ({ path }, _key, server) => {
      const id = path.split('/').at(-1)!;
      const order = server.orders.get(id);
      if (order === undefined) throw refused('ORDER_NOT_FOUND', 'Order not found', 404);
      server.orders.delete(id);
      return { ...order, status: 'cancelled' };
    },
    [`GET ${keysPath}`]: (_request, _key, server) => server.trading.map(shown),
    [`POST ${keysPath}`]: ({ body }, _key, server) => {
      const { name, perms, ip_whitelist: addresses = [] } = JSON.parse(body) as { name: string; perms: { name: string }[]; ip_whitelist?: string[] };
      const isValid = addresses.length <= 20 && addresses.every((each) => isIPv4(each)) && perms.every((each) => ['spot', 'futures'].includes(each.name));
      if (!isValid) throw refused('INVALID_PARAM_VALUE', 'ip_whitelist or perms', 400);
      const made = server.add({ name, addresses });
      products.set(made, perms[0]!.name);
      return { ...shown(made), secret: made.secret };
    },
    [`DELETE ${keysPath}/\\w+`]: ({ path }, _key, server) => {
      if (!server.keys.delete(path.split('/').at(-1)!)) throw refused('INVALID_KEY', 'Invalid API Key', 400);
      throw new Answered(204, undefined);
    },
  },
};

const { provider } = keyContract({ venue: 'gate', symbol: 'BTC/USDT', subAccount: userId, ways, creation: `POST ${keysPath}` });

test('tells when a key was last used, and of one that never was, nothing', async () => {
  const keys = provider();
  const made = await keys.create('baton0123456789a');
  const lastUse = async (): Promise<number | undefined> => (await keys.list()).find(({ apiKey }) => apiKey === made.apiKey)!.lastUsedAtMs;
  expect(await lastUse()).toBeUndefined();
  await keys.proveRead(made);
  expect(await lastUse()).toBe(1_750_000_000_000);
});

test('a key for futures is proved where it may look', async () => {
  const keys = provider(undefined, undefined, 'BTC/USDT:USDT');
  await keys.proveRead(await keys.create('baton0123456789a'));
  expect((await keys.list()).at(-1)).toMatchObject({ mayMoveMoney: false });
});
