/**
 * What each venue can do for keys, as it documents it. What a venue does not say counts as no. What is still assumed of each is in
 * decision 0023.
 */
import type { KeyCapabilities } from './provider.ts';

export const keyVenues = ['bybit', 'binance', 'okx', 'deribit', 'kucoin', 'gate', 'kraken'] as const;
export type KeyVenue = (typeof keyVenues)[number];

export const keyCapabilities: Readonly<Record<KeyVenue, KeyCapabilities>> = {
  bybit: {
    createsKeys: true,
    ownPublicKey: false,
    bindsAddresses: true,
    unboundKeyLivesDays: 90,
    keysAtMost: 20,
    orderExpiry: 'header X-BAPI-RECV-WINDOW',
    deadManSwitch: { scope: 'connection' },
    tellsLastUse: false,
    sources: [
      'https://bybit-exchange.github.io/docs/v5/user/create-subuid-apikey',
      'https://bybit-exchange.github.io/docs/v5/user/list-sub-apikeys',
      'https://bybit-exchange.github.io/docs/v5/user/rm-sub-apikey',
    ],
  },
  binance: {
    createsKeys: true,
    ownPublicKey: true,
    bindsAddresses: true,
    unboundKeyLivesDays: null,
    keysAtMost: null,
    orderExpiry: 'recvWindow',
    deadManSwitch: { scope: 'symbol' },
    tellsLastUse: false,
    sources: [
      'https://developers.binance.com/legacy-docs/zh-CN/sub_account/api-management/Create-Sub-account-API-Key-V2',
      'https://developers.binance.com/legacy-docs/sub_account/api-management/Delete-Sub-account-API-Key',
      'https://developers.binance.com/docs/zh-CN/sub_account/api-management',
      'https://github.com/binance/binance-connector-js/blob/master/clients/sub-account/src/rest-api/modules/api-management-api.ts',
    ],
  },
  okx: {
    createsKeys: true,
    ownPublicKey: false,
    bindsAddresses: true,
    // Without being used.
    unboundKeyLivesDays: 14,
    keysAtMost: 50,
    orderExpiry: 'header expTime',
    deadManSwitch: { scope: 'account' },
    tellsLastUse: false,
    sources: [
      'https://www.okx.com/docs-v5/en/#sub-account-rest-api-create-an-api-key-for-a-sub-account',
      'https://www.okx.com/docs-v5/en/#sub-account-rest-api-query-the-api-key-of-a-sub-account',
      'https://www.okx.com/docs-v5/en/#sub-account-rest-api-delete-the-api-key-of-sub-accounts',
      'https://github.com/rosssaunders/coincise/blob/main/docs/okx/error_codes.md',
    ],
  },
  deribit: {
    createsKeys: true,
    ownPublicKey: true,
    // Its keys have a list of addresses; how to write one is not shown.
    bindsAddresses: false,
    unboundKeyLivesDays: null,
    keysAtMost: null,
    orderExpiry: 'valid_until',
    deadManSwitch: { scope: 'connection' },
    tellsLastUse: false,
    sources: [
      'https://docs.deribit.com/api-reference/account-management/private-create_api_key',
      'https://docs.deribit.com/api-reference/account-management/private-edit_api_key',
      'https://docs.deribit.com/articles/asymmetric-api-keys',
    ],
  },
  kucoin: {
    createsKeys: true,
    ownPublicKey: false,
    bindsAddresses: true,
    unboundKeyLivesDays: null,
    keysAtMost: null,
    orderExpiry: 'clientTimestamp and allowMaxTimeWindow',
    deadManSwitch: { scope: 'symbol' },
    tellsLastUse: false,
    sources: [
      'https://kucoin.com/docs/rest/account/sub-account-api/create-sub-account-api',
      'https://kucoin.com/docs/rest/account/sub-account-api/delete-sub-account-api',
      'https://kucoin.btc-store.de/docs/rest/account/sub-account-api/get-sub-account-api-list',
      'https://www.kucoin.com/docs-new/error-code/websocket',
      'https://github.com/rosssaunders/coincise/blob/main/docs/kucoin/authentication.md',
    ],
  },
  gate: {
    createsKeys: true,
    ownPublicKey: false,
    bindsAddresses: true,
    unboundKeyLivesDays: null,
    // It says five as well, on the same page.
    keysAtMost: 20,
    orderExpiry: 'header X-Gate-Exptime',
    deadManSwitch: { scope: 'account' },
    tellsLastUse: true,
    sources: [
      'https://www.gate.io/docs/developers/apiv4/en/#createsubaccountkeys-parameters',
      'https://www.gate.io/docs/developers/apiv4/en/#listsubaccountkeys-parameters',
      'https://www.gate.io/docs/developers/apiv4/en/#deletesubaccountkeys-parameters',
      'https://github.com/rosssaunders/coincise/blob/main/docs/gateio/authentication.md',
      'https://github.com/rosssaunders/coincise/blob/main/docs/gateio/error_codes.md',
      'https://github.com/gateio/gateapi-go/blob/master/model_sub_account_key.go',
    ],
  },
  kraken: {
    createsKeys: false,
    ownPublicKey: false,
    bindsAddresses: true,
    unboundKeyLivesDays: null,
    keysAtMost: null,
    orderExpiry: 'deadline',
    deadManSwitch: { scope: 'account' },
    tellsLastUse: false,
    sources: [
      'https://docs.kraken.com/exchange/guides/rest/api-keys',
      'https://docs.kraken.com/exchange/guides/general/errors',
      'https://support.kraken.com/hc/en-us/articles/360000919966-How-to-generate-an-API-key-pair-',
      'https://support.kraken.com/hc/nl/articles/common-causes-of-invalid-key-error',
      'https://kraken-sandbox.mintlify.app/api-reference/fast-api/create-key',
    ],
  },
};
