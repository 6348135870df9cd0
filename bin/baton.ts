/**
 * Synthesizes one environment: `node bin/baton.ts`, or through the CLI, `npx cdk deploy --all -c environment=production`.
 * The environment comes from the CLI's context, then from BATON_ENV, and is dev otherwise.
 */
import { enableCompileCache } from 'node:module';
import { prepareBundles } from '../lib/constructs/handler-bundles.ts';
import { prepareRulesBeside } from '../lib/constructs/validation/beside.ts';

// A third of a synthesis is loading the CDK: compiled once, with esbuild and the slow validators at work meanwhile.
enableCompileCache();
if (process.env['CDK_VALIDATION'] !== 'false') prepareRulesBeside();
const bundling = prepareBundles();
const { buildApp, requestedEnvironment } = await import('./app.ts');
const { loadSettings, SettingsError } = await import('../lib/settings/index.ts');

await bundling;
try {
  buildApp({ settings: loadSettings(requestedEnvironment(process.env)) }).synth();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
