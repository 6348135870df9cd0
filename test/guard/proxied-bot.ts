/**
 * A bot that knows nothing of a guard: ccxt as it is published, told its proxy as any user would tell it. It sends orders until it
 * is killed and says what became of each.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { bybit } from 'ccxt';

const [venueUrl = '', proxyUrl = '', apiKey = '', secret = ''] = process.argv.slice(2);
const exchange = new bybit({
  apiKey,
  secret,
  httpsProxy: proxyUrl,
  timeout: 2000,
  enableRateLimit: false,
  options: {
    defaultType: 'spot', fetchMarkets: { types: ['spot'] }, enableUnifiedMargin: false, enableUnifiedAccount: true, unifiedMarginStatus: 5,
  },
});
exchange.has['fetchCurrencies'] = false;
const urls = exchange.urls as { api: Record<string, string> };
for (const api of Object.keys(urls.api)) urls.api[api] = venueUrl;

for (;;) {
  try {
    // ccxt keeps the failure of its first look at the markets until it is told to look again.
    if (exchange.markets === undefined) await exchange.loadMarkets(true);
    const order = await exchange.createOrder('BTC/USDT', 'limit', 'buy', 0.001, 50_000);
    console.log(`accepted ${order.id}`);
  } catch (error) {
    console.log(`failed ${error instanceof Error ? error.message.replaceAll('\n', ' ') : String(error)}`);
  }
  await delay(50);
}
