/** OKX's keys, on a server made from its documentation: see the sources of its capabilities. */
import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { keyContract } from './contract.ts';
import { Answered, type KeyServer, type SeenRequest, type ServedKey, type VenueWays } from './key-server.ts';

const subAcct = 'alphaBot1';
const apikey = '/api/v5/users/subaccount/apikey';
const refused = (code: string, msg: string, status = 401): Answered => new Answered(status, { code, msg, data: [] });
const answer = (...data: readonly object[]): object => ({ code: '0', msg: '', data });

/** Base64 of HMAC-SHA256 of time, method, path with query, and body. */
function authenticate({ method, path, query, body, headers, address }: SeenRequest, server: KeyServer): ServedKey {
  const key = server.keys.get(String(headers['ok-access-key']));
  if (key === undefined) throw refused('50119', "API key doesn't exist", 200);
  const timestamp = String(headers['ok-access-timestamp']);
  if (Math.abs(Date.parse(timestamp) - Date.now()) > 30_000) throw refused('50102', 'Timestamp request expired');
  const signed = `${timestamp}${method}${path}${query === '' ? '' : `?${query}`}${body}`;
  if (createHmac('sha256', key.secret!).update(signed).digest('base64') !== headers['ok-access-sign']) throw refused('50113', 'Invalid signature.');
  if (headers['ok-access-passphrase'] !== key.passphrase) throw refused('50105', 'Request header OK-ACCESS-PASSPHRASE incorrect.');
  if (key.addresses.length > 0 && !key.addresses.includes(address)) throw refused('50110', `Your IP ${address} is not included in your API key's IP whitelist`);
  return key;
}
const json = ({ body }: SeenRequest): Record<string, string> => JSON.parse(body) as Record<string, string>;
/** One a second of each kind, of the whole main account, whose key must be bound to addresses. */
function changes({ method, path }: SeenRequest, key: ServedKey, server: KeyServer): void {
  if (key.addresses.length === 0) throw refused('50035', 'This endpoint requires that APIKey must be bound to IP', 403);
  const route = `${method} ${path}`;
  const last = lastChanges.get(server)?.get(route) ?? 0;
  if (Date.now() - last < 1000) throw refused('50011', 'Too Many Requests', 429);
  lastChanges.set(server, new Map([...(lastChanges.get(server) ?? []), [route, Date.now()]]));
}
const lastChanges = new WeakMap<KeyServer, ReadonlyMap<string, number>>();
const shown = ({ apiKey, name, addresses, readOnly, createdAtMs }: ServedKey): object => ({
  apiKey, label: name, perm: readOnly ? 'read_only' : 'read_only,trade', ip: addresses.join(','), ts: String(createdAtMs),
});

const ways: VenueWays = {
  authenticate,
  forbidden: () => refused('50120', "This API key doesn't have permission to use this function", 200),
  trades: ['POST /api/v5/trade/order', 'POST /api/v5/trade/cancel-order'],
  manages: [`GET ${apikey}`, `POST ${apikey}`, 'POST /api/v5/users/subaccount/delete-apikey'],
  open: {
    'GET /api/v5/public/time': () => answer({ ts: String(Date.now()) }),
    'GET /api/v5/public/instruments': ({ parameters }) => answer({
      instType: parameters.get('instType')!, instId: 'BTC-USDT', baseCcy: 'BTC', quoteCcy: 'USDT', lotSz: '0.00000001', minSz: '0.00001', tickSz: '0.1', state: 'live',
    }),
    'GET /api/v5/market/ticker': () => answer({ instId: 'BTC-USDT', bidPx: '60000', askPx: '60000.1', last: '60000', ts: String(Date.now()) }),
  },
  signed: {
    'GET /api/v5/account/config': (_request, { name }) => answer({ label: name }),
    'GET /api/v5/trade/orders-pending': (_request, _key, server) => answer(...server.orders.values()),
    'POST /api/v5/trade/order': (request, _key, server) => {
      const { px, sz, clOrdId, side, ordType } = json(request);
      if (!/^[A-Za-z0-9]{1,32}$/.test(clOrdId ?? '')) throw new Answered(200, { code: '1', msg: '', data: [{ sCode: '51000', sMsg: 'Parameter clOrdId error' }] });
      if (ordType !== 'post_only' || Number(px) > 50_000 || Number(sz) < 0.00001) throw new Answered(200, { code: '1', msg: '', data: [{ sCode: '51000', sMsg: 'price' }] });
      const ordId = String(600 + server.orders.size);
      server.orders.set(ordId, { ordId, clOrdId, instId: 'BTC-USDT', instType: 'SPOT', px, sz, side, ordType, state: 'live', cTime: '1700000000000' });
      return answer({ ordId, clOrdId: clOrdId!, sCode: '0', sMsg: '' });
    },
    'POST /api/v5/trade/cancel-order': (request, _key, server) => {
      const { ordId = '' } = json(request);
      const isThere = server.orders.delete(ordId);
      return isThere ? answer({ ordId, sCode: '0', sMsg: '' }) : { code: '1', msg: '', data: [{ ordId, sCode: '51400', sMsg: 'Cancellation failed as the order does not exist.' }] };
    },
    [`GET ${apikey}`]: ({ parameters }, _key, server) => answer(...(parameters.get('subAcct') === subAcct ? server.trading.map(shown) : [])),
    [`POST ${apikey}`]: (request, key, server) => {
      changes(request, key, server);
      const { label, passphrase = '', ip, perm, subAcct: account } = json(request);
      const isStrong = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/, /^\S{8,32}$/].every((each) => each.test(passphrase));
      if (account !== subAcct || perm !== 'read_only,trade') throw refused('51000', 'Parameter error', 400);
      if (!isStrong) throw refused('59505', 'The passphrase format is incorrect', 200);
      if (server.trading.length >= 50) throw refused('59501', 'Only 50 APIKeys can be created per account', 200);
      if (server.trading.some(({ name }) => name === label)) throw refused('59502', 'Note name cannot be duplicate', 200);
      if ((ip?.split(',') ?? []).length > 20) throw refused('59503', 'Each APIKey can bind up to 20 IP addresses', 200);
      const made = server.add({ name: label!, passphrase, addresses: ip?.split(',') ?? [] });
      return answer({ ...shown(made), subAcct: account, secretKey: made.secret, passphrase });
    },
    'POST /api/v5/users/subaccount/delete-apikey': (request, key, server) => {
      changes(request, key, server);
      const { subAcct: account, apiKey = '' } = json(request);
      if (account !== subAcct || !server.keys.delete(apiKey)) throw refused('59506', 'APIKey does not exist', 200);
      return answer({ subAcct: account });
    },
  },
};

const { server, provider } = keyContract({ venue: 'okx', symbol: 'BTC/USDT', subAccount: subAcct, ways, creation: `POST ${apikey}` });

test('says that the account has as many keys as the venue allows', async () => {
  for (let count = server().trading.length; count < 50; count += 1) server().add({ name: `key ${count}` });
  await expect(provider().create('baton0123456789a')).rejects.toMatchObject({ name: 'KeyLimitError' });
  expect(server().trading).toHaveLength(50);
});

test('says that the management key is bound to no address, without which it makes none', async () => {
  const unbound = server().add({ manages: true, passphrase: 'Aa1!Aa1!' });
  await expect(provider(unbound).create('baton0123456789a')).rejects.toMatchObject({ name: 'ManagementKeyRefusedError', message: expect.stringContaining('address') });
});

test('a second change within a second is made when the venue takes it', async () => {
  await provider().create('baton0123456789a');
  await provider().create('baton0123456789b');
  expect(server().requests.filter(({ method, path }) => method === 'POST' && path === apikey)).toHaveLength(3);
  expect(server().trading).toHaveLength(3);
});
