/** Gate's keys, on a server made from its documentation: www.gate.io/docs/developers/apiv4, "SubAccount", "Authentication", "Error Handling". */
import { createHash, createHmac } from 'node:crypto';
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
  if (Math.abs(Number(timestamp) * 1000 - Date.now()) > 60_000) throw refused('REQUEST_EXPIRED', 'gap between request Timestamp and server time exceeds 60', 403);
  const signed = [method, path, decodeURIComponent(query), createHash('sha512').update(body).digest('hex'), timestamp].join('\n');
  if (createHmac('sha512', key.secret!).update(signed).digest('hex') !== headers['sign']) throw refused('INVALID_SIGNATURE', 'Signature mismatch');
  if (key.addresses.length > 0 && !key.addresses.includes(address)) throw refused('IP_FORBIDDEN', 'IP address not in whitelist', 403);
  return key;
}
const shown = ({ apiKey, name, addresses, readOnly, createdAtMs, lastUsedAtMs }: ServedKey): object => ({
  user_id: userId, mode: 1, name, perms: [{ name: 'spot', read_only: readOnly === true }], ip_whitelist: addresses, key: apiKey, state: 1,
  created_at: createdAtMs / 1000, updated_at: createdAtMs / 1000, last_access: (lastUsedAtMs ?? 0) / 1000,
});
const keysPath = `/api/v4/sub_accounts/${userId}/keys`;

const ways: VenueWays = {
  authenticate,
  forbidden: () => refused('FORBIDDEN', 'API key has no such permission', 403),
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
    'GET /api/v4/spot/accounts': () => [],
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
      if (perms.some((each) => each.name !== 'spot')) throw refused('INVALID_PARAM_VALUE', 'perms', 400);
      const made = server.add({ name, addresses });
      return { ...shown(made), secret: made.secret };
    },
    [`DELETE ${keysPath}/\\w+`]: ({ path }, _key, server) => {
      if (!server.keys.delete(path.split('/').at(-1)!)) throw refused('INVALID_KEY', 'key not found', 400);
      return {};
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
