/**
 * Bundles one container's code into a directory: `node containers/build.ts <guard|trader> <output directory>`.
 * The Dockerfiles' build stages call it, and so does the rehearsal, so that both run the same files.
 *
 * One file each: a container that starts by reading thousands of small files starts late, and has more to trust.
 */
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

interface Container {
  /** Output name → source. */
  readonly entryPoints: Readonly<Record<string, string>>;
  readonly plugins: () => Promise<Plugin[]>;
  /** Directories that the code reads at run time: output name → source. */
  readonly assets: Readonly<Record<string, string>>;
}

const root = import.meta.dirname;

const containers: Readonly<Record<string, Container>> = {
  guard: {
    entryPoints: { main: 'guard/main.ts' },
    plugins: async () => [],
    assets: {},
  },
  trader: {
    entryPoints: { main: 'trader/main.ts' },
    plugins: async () => [(await import('./trader/ccxt-only-bybit.ts')).ccxtOnlyBybit],
    assets: {},
  },
};

export async function buildContainer(name: string, outputDirectory: string): Promise<void> {
  const container = containers[name];
  if (container === undefined) throw new Error(`no container '${name}': wanted one of ${Object.keys(containers).join(', ')}`);
  await mkdir(outputDirectory, { recursive: true });
  await build({
    entryPoints: Object.fromEntries(Object.entries(container.entryPoints).map(([out, source]) => [out, join(root, source)])),
    outdir: outputDirectory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minify: true,
    keepNames: true,
    mainFields: ['module', 'main'],
    legalComments: 'none',
    // CommonJS dependencies inside an ESM bundle call require for Node's own modules.
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    plugins: await container.plugins(),
    logLevel: 'warning',
  });
  for (const [out, source] of Object.entries(container.assets)) {
    await cp(join(root, source), join(outputDirectory, out), { recursive: true });
  }
}

if (import.meta.main) {
  const [name, outputDirectory] = process.argv.slice(2);
  if (name === undefined || outputDirectory === undefined) {
    process.stderr.write(`wanted: node containers/build.ts <${Object.keys(containers).join('|')}> <output directory>\n`);
    process.exit(2);
  }
  await buildContainer(name, outputDirectory);
}
