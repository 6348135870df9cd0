/**
 * What a Lambda loads at a cold start: the size of each bundle, and the time from `require` to a handler, each in a
 * process of its own. Beside it the same handler by the CDK's own options for NodejsFunction, with the SDK bundled.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { bundles as builtBundles } from '../lib/constructs/handler-bundles.ts';
import type { Bench } from './bench.ts';
import { rowOf } from './row.ts';
import { root, run, temporaryDirectory } from './subprocess.ts';

/** Names of nothing: a handler reads its environment at its start and calls nobody. */
const environment = {
  AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none',
  BATON_LEASE_TABLE: 'lease', BATON_JOURNAL_TABLE: 'journal', BATON_BOOKS: 'alpha', BATON_TOPIC_ARN: 'arn:aws:sns:us-east-1:111111111111:topic',
};
const timeRequire = "const began = process.hrtime.bigint(); require(process.argv[1]); console.log(Number(process.hrtime.bigint() - began) / 1e6)";

export const bundles: Bench = {
  name: 'bundles',
  summary: 'Size and cold start of every Lambda bundle.',
  async run({ quick, progress }) {
    using directory = temporaryDirectory();
    const initMs = async (file: string): Promise<number> => {
      const { stdout } = await run(process.execPath, ['-e', timeRequire, file], environment);
      const ms = Number(stdout.trim().split('\n').at(-1));
      if (!Number.isFinite(ms)) throw new Error(`the cold start of ${file} said '${stdout.trim()}', wanted milliseconds`);
      return ms;
    };
    const rows = [];
    for (const [name, bundle] of builtBundles()) {
      const ours = join(directory.path, `${name}.cjs`);
      writeFileSync(ours, bundle);
      const { size, file: theirs } = withCdkDefaults(name, directory.path);
      const oursMs: number[] = [];
      const theirsMs: number[] = [];
      for (let repetition = 0; repetition < (quick ? 3 : 20); repetition += 1) {
        oursMs.push(await initMs(ours));
        theirsMs.push(await initMs(theirs));
      }
      progress.note(name);
      rows.push(
        rowOf({
          name: `bundle size: ${name}`, what: 'Bytes that a cold start loads', samples: [bundle.length / 1024], unit: 'KB', limit: { max: 400 },
          beside: [{ what: "CDK's default options", samples: [size / 1024] }],
        }),
        rowOf({
          name: `bundle init: ${name}`, what: 'Cold start of the module', samples: oursMs, unit: 'ms', limit: { median: 60 },
          beside: [{ what: "CDK's default options", samples: theirsMs }],
        }),
      );
    }
    return rows;
  },
};

/** NodejsFunction with `bundleAwsSDK`: it passes esbuild no more than these. */
function withCdkDefaults(name: string, directory: string): { readonly size: number; readonly file: string } {
  const file = join(directory, `${name}-default.cjs`);
  const { outputFiles } = buildSync({
    entryPoints: [join(root, 'lambdas', name, 'handler.ts')], bundle: true, platform: 'node', target: 'node24', write: false, logLevel: 'error',
  });
  const [output] = outputFiles;
  if (output === undefined) throw new Error(`esbuild wrote nothing for ${name}`);
  writeFileSync(file, output.contents);
  return { size: output.contents.length, file };
}
