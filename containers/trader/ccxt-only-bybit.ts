/**
 * What esbuild leaves out of the trader: of ccxt everything but Bybit, and of node-pg-migrate what only looks for files.
 *
 * `import { bybit } from 'ccxt'` brings every exchange, for it is not tree-shaken; and the base class brings the signing
 * code of chains that Bybit is none of. Imports are redirected here, so that the source keeps the plain import.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

const sources = join(dirname(fileURLToPath(import.meta.resolve('ccxt'))), 'src');

/** Never called on Bybit's paths; whoever calls one after all is told which. */
const leftOut = [
  /dydx-v4-client/,
  /zklink/,
  /starknet/,
  /mexc/,
  /protobufjs/,
  /^ws$/,
  /socks-proxy-agent/,
  /https?-proxy-agent/,
  /^jiti$/,
  /^glob$/,
];

export const ccxtOnlyBybit: Plugin = {
  name: 'ccxt-only-bybit',
  setup(build) {
    build.onResolve({ filter: /^ccxt$/ }, () => ({ path: 'ccxt', namespace: 'ccxt-only-bybit' }));
    build.onLoad({ filter: /.*/, namespace: 'ccxt-only-bybit' }, () => ({
      contents: `export { default as bybit } from './bybit.js'; export * from './base/errors.js';`,
      resolveDir: sources,
    }));
    build.onResolve({ filter: new RegExp(leftOut.map(({ source }) => source).join('|')) }, ({ path }) => ({
      path,
      namespace: 'left-out',
    }));
    build.onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({ contents: stub(path), loader: 'js' }));
  },
};

/** CommonJS, so that any name can be imported from it. */
function stub(path: string): string {
  const message = JSON.stringify(`'${path}' was left out of this bundle: see containers/trader/ccxt-only-bybit.ts`);
  return `
    const missing = () => { throw new Error(${message}); };
    // node-pg-migrate makes its loader of files when it is imported, and never uses it here.
    module.exports = { createJiti: () => missing };
    module.exports = new Proxy(module.exports, { get: (present, name) => present[name] ?? (name === '__esModule' ? true : missing) });
  `;
}
