/** Deribit's keys, on a server made from its documentation: docs.deribit.com, "Authentication", "Asymmetric API Keys", "Account management". */
import { createHmac, verify } from 'node:crypto';
import { keyContract } from './contract.ts';
import { Answered, type KeyServer, type SeenRequest, type ServedKey, type VenueWays } from './key-server.ts';

const refused = (code: number, message: string): Answered => new Answered(400, { jsonrpc: '2.0', error: { code, message } });
const invalid = (): Answered => refused(13004, 'invalid_credentials');
const answer = (result: unknown): object => ({ jsonrpc: '2.0', result });
const tokenOf = (key: ServedKey): string => `token-of-${key.apiKey}`;
const instrument = 'BTC_USDC';

/** By a token, or, with a shared secret, by a signature of each request. */
function authenticate({ method, path, query, headers }: SeenRequest, server: KeyServer): ServedKey {
  const said = String(headers.authorization);
  const bearer = [...server.keys.values()].find((key) => said === `Bearer ${tokenOf(key)}`);
  if (bearer !== undefined) return bearer;
  const { id, ts, nonce, sig } = Object.fromEntries(said.replace('deri-hmac-sha256 ', '').split(',').map((each) => each.split('=') as [string, string]));
  const key = server.keys.get(id ?? '');
  const signed = `${ts}\n${nonce}\n${method}\n${path}${query === '' ? '' : `?${query}`}\n\n`;
  if (key?.secret === undefined || createHmac('sha256', key.secret).update(signed).digest('hex') !== sig) throw invalid();
  return key;
}
const shown = ({ apiKey, name, createdAtMs, readOnly }: ServedKey, id: number): object => ({
  id, client_id: apiKey, name, timestamp: createdAtMs, enabled: true, client_secret: '********', default: false,
  max_scope: `account:read trade:${readOnly ? 'read' : 'read_write'} wallet:none block_trade:none`,
});
const listed = (server: KeyServer): object[] => server.trading.map(shown);

const ways: VenueWays = {
  authenticate,
  forbidden: () => refused(13021, 'forbidden'),
  trades: ['GET /api/v2/private/buy', 'GET /api/v2/private/cancel'],
  manages: ['GET /api/v2/private/create_api_key', 'GET /api/v2/private/list_api_keys', 'GET /api/v2/private/remove_api_key'],
  open: {
    'GET /api/v2/public/get_time': () => answer(Date.now()),
    'GET /api/v2/public/get_instruments': () => answer([{
      instrument_name: instrument, kind: 'spot', base_currency: 'BTC', quote_currency: 'USDC', counter_currency: 'USDC', tick_size: 0.5, min_trade_amount: 0.0001,
      contract_size: 0.0001, is_active: true, maker_commission: 0, taker_commission: 0, creation_timestamp: 1_600_000_000_000, expiration_timestamp: 32_503_708_800_000,
    }]),
    'GET /api/v2/public/ticker': () => answer({ instrument_name: instrument, best_bid_price: 60_000, best_ask_price: 60_001, last_price: 60_000, timestamp: Date.now(), stats: {} }),
    'GET /api/v2/public/auth': ({ parameters }, server) => {
      const key = server.keys.get(String(parameters.get('client_id')));
      const signature = String(parameters.get('signature'));
      const signed = `${parameters.get('timestamp')}\n${parameters.get('nonce')}\n${parameters.get('data')}`;
      const isFresh = Math.abs(Number(parameters.get('timestamp')) - Date.now()) < 60_000 && !signature.includes('=');
      if (parameters.get('grant_type') !== 'client_signature' || key?.publicKey === undefined || !isFresh) throw invalid();
      if (!verify(null, Buffer.from(signed), key.publicKey, Buffer.from(signature, 'base64url'))) throw invalid();
      return answer({ access_token: tokenOf(key), token_type: 'bearer', expires_in: 900, scope: 'trade:read_write' });
    },
  },
  signed: {
    'GET /api/v2/private/get_account_summaries': () => answer({ summaries: [] }),
    'GET /api/v2/private/get_open_orders_by_instrument': (_request, _key, server) => answer([...server.orders.values()]),
    'GET /api/v2/private/get_open_orders_by_currency': (_request, _key, server) => answer([...server.orders.values()]),
    'GET /api/v2/private/buy': ({ parameters }, _key, server) => {
      const [price, amount, label] = [Number(parameters.get('price')), Number(parameters.get('amount')), String(parameters.get('label'))];
      if (price > 50_000 || amount < 0.0001 || parameters.get('post_only') !== 'true') throw refused(10_009, 'not_enough_funds');
      const order = {
        order_id: `BTC_USDC-${server.orders.size}`, instrument_name: instrument, price, amount, label, direction: 'buy', order_type: 'limit', order_state: 'open',
        filled_amount: 0, average_price: 0, creation_timestamp: 1_700_000_000_000, last_update_timestamp: 1_700_000_000_000, time_in_force: 'good_til_cancelled', post_only: true,
      };
      server.orders.set(order.order_id, order);
      return answer({ order, trades: [] });
    },
    'GET /api/v2/private/cancel': ({ parameters }, _key, server) => {
      const order = server.orders.get(String(parameters.get('order_id')));
      if (order === undefined) throw refused(10_004, 'order_not_found');
      server.orders.delete(String(parameters.get('order_id')));
      return answer({ ...order, order_state: 'cancelled' });
    },
    'GET /api/v2/private/create_api_key': ({ parameters }, _key, server) => {
      const [name, publicKey, scope] = [String(parameters.get('name')), String(parameters.get('public_key')), String(parameters.get('max_scope'))];
      if (!/^\w{1,16}$/.test(name) || /(wallet|account):read_write/.test(scope)) throw refused(-32_602, 'Invalid params');
      server.add({ name, publicKey });
      return answer(listed(server).at(-1));
    },
    'GET /api/v2/private/list_api_keys': (_request, _key, server) => answer(listed(server)),
    'GET /api/v2/private/remove_api_key': ({ parameters }, _key, server) => {
      const key = server.trading[Number(parameters.get('id'))];
      if (key === undefined) throw refused(-32_602, 'Invalid params');
      server.keys.delete(key.apiKey);
      return answer('ok');
    },
  },
};

keyContract({ venue: 'deribit', symbol: 'BTC/USDC', subAccount: '', ways, creation: 'GET /api/v2/private/create_api_key', words: { signature: 'unknown' } });
