/** KuCoin's keys, on a server made from its documentation: see the sources of its capabilities. */
import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { keyContract } from './contract.ts';
import { Answered, type KeyServer, type SeenRequest, type ServedKey, type VenueWays } from './key-server.ts';

const subName = 'alphaBot1';
const refused = (code: string, msg: string): Answered => new Answered(401, { code, msg });
const answer = (data: unknown): object => ({ code: '200000', data });
const base64 = (secret: string, text: string): string => createHmac('sha256', secret).update(text).digest('base64');

/** Both the request and the passphrase are signed, in the second version of keys. */
function authenticate({ method, path, query, body, headers, address }: SeenRequest, server: KeyServer): ServedKey {
  const key = server.keys.get(String(headers['kc-api-key']));
  if (key === undefined) throw refused('400003', 'KC-API-KEY does not exist.');
  const timestamp = String(headers['kc-api-timestamp']);
  if (Math.abs(Number(timestamp) - Date.now()) > 5000) throw refused('400002', 'Invalid KC-API-TIMESTAMP');
  // "The URL must use the content that has not been URL-encoded."
  const signed = `${timestamp}${method}${path}${query === '' ? '' : `?${decodeURIComponent(query)}`}${body}`;
  if (base64(key.secret!, signed) !== headers['kc-api-sign']) throw refused('400005', 'Invalid KC-API-SIGN');
  if (!['2', '3'].includes(String(headers['kc-api-key-version']))) throw refused('400009', 'Invalid KC-API-KEY-VERSION.');
  if (base64(key.secret!, key.passphrase!) !== headers['kc-api-passphrase']) throw refused('400004', 'Invalid KC-API-PASSPHRASE');
  if (key.addresses.length > 0 && !key.addresses.includes(address)) throw refused('400006', `Invalid request IP, the current client IP is: ${address}.`);
  return key;
}
const json = ({ body }: SeenRequest): Record<string, string> => JSON.parse(body) as Record<string, string>;
const shown = ({ apiKey, name, addresses, readOnly, createdAtMs }: ServedKey): object => ({
  subName, remark: name, apiKey, apiVersion: 3, permission: readOnly ? 'General' : 'General,Spot', ipWhitelist: addresses.join(','), createdAt: createdAtMs,
});
const keysPath = '/api/v1/sub/api-key';

const ways: VenueWays = {
  authenticate,
  forbidden: () => refused('400007', 'Access denied, requires more permission.'),
  trades: ['POST /api/v1/hf/orders/test'],
  manages: [`GET ${keysPath}`, `POST ${keysPath}`, `DELETE ${keysPath}`],
  open: {
    'GET /api/v1/timestamp': () => answer(Date.now()),
    'GET /api/v2/symbols': () => answer([{
      symbol: 'BTC-USDT', name: 'BTC-USDT', baseCurrency: 'BTC', quoteCurrency: 'USDT', feeCurrency: 'USDT', market: 'USDS', baseMinSize: '0.00001', quoteMinSize: '0.1',
      baseMaxSize: '10000', quoteMaxSize: '99999999', baseIncrement: '0.00000001', quoteIncrement: '0.000001', priceIncrement: '0.1', enableTrading: true, minFunds: '0.1',
    }]),
    'GET /api/v1/market/stats': () => answer({ symbol: 'BTC-USDT', buy: '60000', sell: '60000.1', last: '60000', time: Date.now() }),
  },
  signed: {
    'GET /api/v1/accounts': () => answer([]),
    'POST /api/v1/hf/orders/test': (request) => {
      const { price, size, clientOid, type } = json(request);
      if (type !== 'limit' || Number(price) > 50_000 || Number(size) * Number(price) < 0.1 || clientOid === undefined) throw new Answered(200, { code: '400100', msg: 'Parameter Error' });
      return answer({ orderId: 'a-test' });
    },
    [`GET ${keysPath}`]: ({ parameters }, _key, server) => answer(parameters.get('subName') === subName ? server.trading.map(shown) : []),
    [`POST ${keysPath}`]: (request, _key, server) => {
      const { remark = '', passphrase = '', ipWhitelist, permission, subName: account, expire } = json(request);
      const areFew = (ipWhitelist?.split(',') ?? []).length <= 20;
      const isValid = account === subName && areFew && remark.length > 0 && remark.length <= 24 && /^\S{7,32}$/.test(passphrase) && permission === 'General,Spot' && expire === '-1';
      if (!isValid) throw new Answered(200, { code: '400100', msg: 'Parameter Error' });
      const made = server.add({ name: remark, passphrase, addresses: ipWhitelist?.split(',') ?? [] });
      return answer({ ...shown(made), apiSecret: made.secret, passphrase });
    },
    [`DELETE ${keysPath}`]: ({ parameters }, _key, server) => {
      const key = server.keys.get(String(parameters.get('apiKey')));
      if (key === undefined || parameters.get('subName') !== subName) throw new Answered(200, { code: '400100', msg: 'api key not exists' });
      if (parameters.get('passphrase') !== key.passphrase) throw new Answered(200, { code: '400100', msg: 'passphrase error' });
      server.keys.delete(key.apiKey);
      return answer({ subName, apiKey: key.apiKey });
    },
  },
};

const { server, provider } = keyContract({ venue: 'kucoin', symbol: 'BTC/USDT', subAccount: subName, ways, creation: `POST ${keysPath}` });

test('an orphan is deleted with the passphrase that its name tells, for nobody else has it', async () => {
  await provider().create('baton0123456789a');
  const [, orphan] = await provider().list();
  await provider().delete(orphan!);
  expect(server().trading).toHaveLength(1);
});
