/**
 * Every Lambda handler bundled by one esbuild call: 0.1 s for all, where a bundler per function takes 0.4 s each.
 *
 * CommonJS, because Lambda starts it faster than ESM; minified; `module` before `main`, so that the SDK is
 * tree-shaken. The SDK's whole chain of credential providers (profiles, SSO, web identity, instance metadata) is
 * replaced by the one that Lambda uses, its environment: see lambdas/credentials.ts.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Stage } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { buildSync } from 'esbuild';

const repository = path.resolve(import.meta.dirname, '../..');
const handlers = path.join(repository, 'lambdas');

let built: ReadonlyMap<string, Uint8Array> | undefined;

/** The bundles by name: what `lambdas/<name>/handler.ts` became. Built at the first call, once in a process. */
export function bundles(): ReadonlyMap<string, Uint8Array> {
  built ??= build();
  return built;
}

/** The code of one function, for its construct. */
export function bundleOf(scope: Construct, name: string): lambda.Code {
  const bundle = bundles().get(name);
  if (bundle === undefined) {
    throw new Error(`There is no handler lambdas/${name}/handler.ts. Seen: ${[...bundles().keys()].join(', ') || 'none'}. Add it, or correct the name.`);
  }
  // Beside the assembly, not in a place shared by two syntheses at once.
  const directory = path.join(assemblyDirectory(scope), '.bundles', name);
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, 'index.js'), bundle);
  return lambda.Code.fromAsset(directory);
}

function assemblyDirectory(scope: Construct): string {
  const stage = Stage.of(scope);
  if (stage === undefined) throw new Error(`${scope.node.path} is in no app, so its bundle has no place. Create it below an App.`);
  return stage.outdir;
}

function build(): ReadonlyMap<string, Uint8Array> {
  const names = readdirSync(handlers)
    .filter((name) => existsSync(path.join(handlers, name, 'handler.ts')))
    .toSorted();
  const { outputFiles } = buildSync({
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
    alias: { '@aws-sdk/credential-provider-node': path.join(handlers, 'credentials.ts') },
    legalComments: 'none',
    logLevel: 'error',
  });
  return new Map(outputFiles.map((file) => [path.basename(file.path, '.js'), file.contents]));
}
