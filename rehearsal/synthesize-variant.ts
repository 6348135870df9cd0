/** Synthesizes a variant of an environment's settings, as bin/baton.ts does the settings themselves: BATON_ENV and BATON_VARIANT name them. */
import { enableCompileCache } from 'node:module';
import { prepareBundles } from '../lib/constructs/handler-bundles.ts';
import { settingsOf, type SettingsVariant } from './settings-variants.ts';

enableCompileCache();
const bundling = prepareBundles();
const { buildApp, requestedEnvironment } = await import('../bin/app.ts');
const settings = settingsOf(requestedEnvironment(process.env), process.env['BATON_VARIANT'] as SettingsVariant);
await bundling;
buildApp({ settings, validation: process.env['CDK_VALIDATION'] !== 'false' }).synth();
