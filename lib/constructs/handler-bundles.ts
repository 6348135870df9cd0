/**
 * Every Lambda handler bundled by one esbuild call: 0.1 s for all, where a bundler per function takes 0.4 s each.
 *
 * CommonJS, because Lambda starts it faster than ESM; minified; `module` before `main`, so that the SDK is
 * tree-shaken. The SDK's whole chain of credential providers (profiles, SSO, web identity, instance metadata) is
 * replaced by the one that Lambda uses, its environment: see lambdas/credentials.ts.
 *
 * It imports no CDK, so that an entry point can have esbuild at work while the CDK still loads.
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { build, type BuildOptions, buildSync, type OutputFile } from 'esbuild';

export type Bundles = ReadonlyMap<string, Uint8Array>;

const repository = path.resolve(import.meta.dirname, '../..');
const handlers = path.join(repository, 'lambdas');

let built: Bundles | undefined;

/** The bundles by name: what `lambdas/<name>/handler.ts` became. Built at the first call, once in a process. */
export function bundles(): Bundles {
  built ??= byName(buildSync(options()).outputFiles);
  return built;
}

/** Builds them beside whatever else the process does until this is awaited. */
export async function prepareBundles(): Promise<void> {
  built ??= byName((await build(options())).outputFiles);
}

function byName(files: readonly OutputFile[]): Bundles {
  return new Map(files.map((file) => [path.basename(file.path, '.js'), file.contents]));
}

function options(): BuildOptions & { readonly write: false } {
  const names = readdirSync(handlers)
    .filter((name) => existsSync(path.join(handlers, name, 'handler.ts')))
    .toSorted();
  return {
    entryPoints: names.map((name) => ({ in: path.join(handlers, name, 'handler.ts'), out: name })),
    outdir: '/bundles',
    absWorkingDir: repository,
    write: false,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    mainFields: ['module', 'main'],
    // Of ccxt: what only one exchange needs that is none of ours, and a client of HTTP beside Node's own.
    external: ['protobufjs', 'undici'],
    alias: { '@aws-sdk/credential-provider-node': path.join(handlers, 'credentials.ts') },
    legalComments: 'none',
    logLevel: 'error',
  };
}
