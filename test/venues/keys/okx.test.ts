/** OKX's keys, on a server made from its documentation: www.okx.com/docs-v5, "Sub-account", "REST Authentication", "Error Code". */
import { createHmac } from 'node:crypto';
import { keyContract } from './contract.ts';
import { Answered, type KeyServer, type SeenRequest, type ServedKey, type VenueWays } from './key-server.ts';

const subAcct = 'alpha';
const apikey = '/api/v5/users/subaccount/apikey';
const refused = (code: string, msg: string): Answered => new Answered(401, { code, msg, data: [] });
const answer = (...data: readonly object[]): object => ({ code: '0', msg: '', data });

/** Base64 of HMAC-SHA256 of time, method, path with query, and body. */
function authenticate({ method, path, query, body, headers, address }: SeenRequest, server: KeyServer): ServedKey {
  const key = server.keys.get(String(headers['ok-access-key']));
  if (key === undefined) throw refused('50119', "API key doesn't exist");
  const timestamp = String(headers['ok-access-timestamp']);
  if (Math.abs(Date.parse(timestamp) - Date.now()) > 30_000) throw refused('50102', 'Timestamp request expired');
  const signed = `${timestamp}${method}${path}${query === '' ? '' : `?${query}`}${body}`;
  if (createHmac('sha256', key.secret!).update(signed).digest('base64') !== headers['ok-access-sign']) throw refused('50113', 'Invalid Sign');
  if (headers['ok-access-passphrase'] !== key.passphrase) throw refused('50105', 'Request header OK-ACCESS-PASSPHRASE incorrect.');
  if (key.addresses.length > 0 && !key.addresses.includes(address)) throw refused('50110', `Your IP ${address} is not included in your API key's IP whitelist`);
  return key;
}
const json = ({ body }: SeenRequest): Record<string, string> => JSON.parse(body) as Record<string, string>;
const shown = ({ apiKey, name, addresses, readOnly, createdAtMs }: ServedKey): object => ({
  apiKey, label: name, perm: readOnly ? 'read_only' : 'read_only,trade', ip: addresses.join(','), ts: String(createdAtMs),
});

const ways: VenueWays = {
  authenticate,
  forbidden: () => refused('50120', "This API key doesn't have permission to use this function"),
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
    [`POST ${apikey}`]: (request, _key, server) => {
      const { label, passphrase = '', ip, perm, subAcct: account } = json(request);
      const isStrong = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/, /^\S{8,32}$/].every((each) => each.test(passphrase));
      if (account !== subAcct || !isStrong || perm !== 'read_only,trade') throw new Answered(200, { code: '51000', msg: 'Parameter error', data: [] });
      const made = server.add({ name: label!, passphrase, addresses: ip?.split(',') ?? [] });
      return answer({ ...shown(made), subAcct: account, secretKey: made.secret, passphrase });
    },
    'POST /api/v5/users/subaccount/delete-apikey': (request, _key, server) => {
      const { subAcct: account, apiKey = '' } = json(request);
      if (account !== subAcct || !server.keys.delete(apiKey)) throw new Answered(200, { code: '59506', msg: 'APIKey does not exist', data: [] });
      return answer({ subAcct: account });
    },
  },
};

keyContract({ venue: 'okx', symbol: 'BTC/USDT', subAccount: subAcct, ways, creation: `POST ${apikey}` });
