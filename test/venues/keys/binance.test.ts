/** Binance's keys, on a server made from its documentation: see the sources of its capabilities. */
import { createHmac, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { keyContract } from './contract.ts';
import { Answered, type KeyServer, type SeenRequest, type ServedKey, type VenueWays } from './key-server.ts';

const email = 'alpha+1@example.com';
const keysPath = 'sub-account/subAccountApi';
/** "Invalid API-key, IP, or permissions for action." */
const notTaken = (): Answered => new Answered(401, { code: -2015, msg: 'Invalid API-key, IP, or permissions for action.' });

/** HMAC in hexadecimal, or Ed25519 in base64, of everything that is sent but the signature. */
function authenticate({ method, query, body, headers, address, parameters }: SeenRequest, server: KeyServer): ServedKey {
  const key = server.keys.get(String(headers['x-mbx-apikey']));
  if (key === undefined || (key.addresses.length > 0 && !key.addresses.includes(address))) throw notTaken();
  const sent = method === 'POST' ? body : query;
  const signed = sent.replace(/&signature=.*$/, '');
  const signature = parameters.get('signature') ?? '';
  const isRight = key.publicKey === undefined
    ? createHmac('sha256', key.secret!).update(signed).digest('hex') === signature
    : verify(null, Buffer.from(signed), key.publicKey, Buffer.from(signature, 'base64'));
  if (!isRight) throw new Answered(400, { code: -1022, msg: 'Signature for this request is not valid.' });
  if (Math.abs(Number(parameters.get('timestamp')) - Date.now()) > 5000) throw new Answered(400, { code: -1021, msg: 'Timestamp for this request is outside of the recvWindow.' });
  return key;
}

function ofSubAccount({ parameters }: SeenRequest): void {
  if (parameters.get('email') !== email) throw new Answered(400, { code: -9000, msg: `no sub-account ${parameters.get('email')}` });
}
const permissions = { canTrade: true, canMarginLoanRepay: false, canFuturesTrade: false, canUniversalTransfer: false, canVanillaOptions: false };
/** In the list; it says nothing of addresses, and writes the key's name in small letters. */
const shown = ({ apiKey, name, createdAtMs }: ServedKey): object => ({ email, apiName: name, apikey: apiKey, ...permissions, timestamp: createdAtMs });

const ways: VenueWays = {
  authenticate,
  forbidden: notTaken,
  trades: ['POST /api/v3/order/test'],
  manages: [`POST /sapi/v2/${keysPath}`, `GET /sapi/v1/${keysPath}`, `GET /sapi/v1/${keysPath}/ipRestriction`, `DELETE /sapi/v1/${keysPath}`],
  open: {
    'GET /api/v3/time': () => ({ serverTime: Date.now() }),
    'GET /api/v3/exchangeInfo': () => ({
      symbols: [{
        symbol: 'BTCUSDT', status: 'TRADING', baseAsset: 'BTC', quoteAsset: 'USDT', isSpotTradingAllowed: true, permissions: ['SPOT'],
        baseAssetPrecision: 8, quoteAssetPrecision: 8, orderTypes: ['LIMIT', 'LIMIT_MAKER', 'MARKET'],
        filters: [
          { filterType: 'PRICE_FILTER', minPrice: '0.01', maxPrice: '1000000', tickSize: '0.01' },
          { filterType: 'LOT_SIZE', minQty: '0.00001', maxQty: '9000', stepSize: '0.00001' },
          { filterType: 'NOTIONAL', minNotional: '5' },
        ],
      }],
    }),
    'GET /api/v3/ticker/24hr': () => ({ symbol: 'BTCUSDT', bidPrice: '60000.00', askPrice: '60000.01', lastPrice: '60000.00' }),
  },
  signed: {
    'GET /api/v3/account': () => ({ canTrade: true, balances: [] }),
    'POST /api/v3/order/test': ({ parameters }) => {
      const value = Number(parameters.get('price')) * Number(parameters.get('quantity'));
      if (!(value >= 5 && value < 10)) throw new Answered(400, { code: -1013, msg: 'Filter failure: NOTIONAL' });
      return {};
    },
    [`POST /sapi/v2/${keysPath}`]: (request, _key, server) => {
      ofSubAccount(request);
      const { parameters, query } = request;
      const [publicKey, ips] = [parameters.get('publicKey'), parameters.get('ipAddress')];
      // "Must be placed in the request body; it is refused in the query."
      if (query !== '' || publicKey === null || !publicKey.startsWith('-----BEGIN PUBLIC KEY-----')) throw new Answered(400, { code: -1102, msg: 'publicKey' });
      if ((parameters.get('status') === '2') !== (ips !== null)) throw new Answered(400, { code: -1102, msg: "Mandatory parameter 'ipAddress' was not sent." });
      if (parameters.get('canTrade') !== 'true') throw new Answered(400, { code: -9000, msg: 'no permission' });
      if ((ips ?? '').length > 500) throw new Answered(400, { code: -1100, msg: 'ipAddress' });
      const { apiKey, name, addresses } = server.add({ name: String(parameters.get('apiName')), publicKey, addresses: ips?.split(',') ?? [] });
      return { apiName: name, apiKey, ...permissions, status: addresses.length > 0 ? 2 : 1, ipList: addresses };
    },
    [`GET /sapi/v1/${keysPath}`]: (request, _key, server) => {
      ofSubAccount(request);
      const [page, size] = [Number(request.parameters.get('page') ?? 1), Number(request.parameters.get('size') ?? 30)];
      if (page < 1 || size > 100) throw new Answered(400, { code: -1100, msg: 'page or size' });
      return { total: server.trading.length, rows: server.trading.slice((page - 1) * size, page * size).map(shown) };
    },
    [`GET /sapi/v1/${keysPath}/ipRestriction`]: (request, _key, server) => {
      ofSubAccount(request);
      const key = server.keys.get(String(request.parameters.get('subAccountApiKey')));
      if (key === undefined) throw new Answered(400, { code: -9000, msg: 'no such key' });
      const isBound = key.addresses.length > 0;
      return { ipRestrict: String(isBound), ...(isBound && { ipList: key.addresses }), updateTime: key.createdAtMs, apiKey: key.apiKey };
    },
    [`DELETE /sapi/v1/${keysPath}`]: (request, _key, server) => {
      ofSubAccount(request);
      if (!server.keys.delete(String(request.parameters.get('subAccountApiKey')))) throw new Answered(400, { code: -9000, msg: 'no such key' });
      return {};
    },
  },
};

const { server, provider } = keyContract({
  venue: 'binance', symbol: 'BTC/USDT', subAccount: email, ways, creation: `POST /sapi/v2/${keysPath}`,
  words: { address: 'unknown', permission: 'unknown' },
});

test("proves the permission to trade by the venue's own test, with the smallest order, and places none", async () => {
  const keys = provider();
  await keys.proveTrade(await keys.create('baton0123456789a'));
  const orders = server().requests.filter(({ path }) => path.includes('/order'));
  expect(orders.map(({ path }) => path)).toEqual(['/api/v3/order/test']);
  expect(orders[0]!.parameters.get('newClientOrderId')).toBe('batonproof01234567');
});

test('lists every key, whatever the venue calls a page', async () => {
  for (let count = server().trading.length; count < 100; count += 1) server().add({ name: `key ${count}` });
  expect(await provider().list()).toHaveLength(100);
  server().add({ name: 'the hundred and first', addresses: ['203.0.113.9'] });
  expect((await provider().list()).at(-1)).toMatchObject({ name: 'the hundred and first', addresses: ['203.0.113.9'] });
});
