/** Imported before anything else: what BATON_MUTANT names is loaded changed. */
import { registerHooks } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mutant } from './mutant.ts';

const { file, at, length, text } = JSON.parse(process.env['BATON_MUTANT'] ?? '{}') as Mutant;
const changed = pathToFileURL(join(dirname(dirname(import.meta.dirname)), file)).href;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== changed) return loaded;
    const source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
    return { ...loaded, source: source.slice(0, at) + text + source.slice(at + length) };
  },
});
