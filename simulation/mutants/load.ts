/** Imported before anything else: what BATON_MUTANT names is loaded changed. */
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { changed, mutantOfEnvironment } from './mutant.ts';

const told = mutantOfEnvironment();
if (told === undefined) throw new Error('no mutant: BATON_MUTANT must have one, as JSON');
const { mutant, path } = told;
const url = pathToFileURL(path).href;

registerHooks({
  load(of, context, nextLoad) {
    const loaded = nextLoad(of, context);
    if (of !== url) return loaded;
    const source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
    return { ...loaded, source: changed(mutant, source) };
  },
});
