/**
 * Bundles one container's programs into a directory: `node containers/build.ts <guard|trader> <output directory>`.
 * The Dockerfiles' build stages call it, and so does the rehearsal, so that both run the same file.
 *
 * One file: a container that starts by reading thousands of small ones starts late, and has more to trust.
 */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** What each container needs of esbuild beyond the common. */
const plugins = {
  guard: async (): Promise<Plugin[]> => [],
  trader: async (): Promise<Plugin[]> => [(await import('./trader/ccxt-only-bybit.ts')).ccxtOnlyBybit],
};
/** What is in each image: the first is its entry point. A drill runs the guard's with the other one, as a venue on paper. */
const programs = { guard: ['main', 'paper-venue'], trader: ['main'] } satisfies Record<keyof typeof plugins, readonly string[]>;
export type ContainerName = keyof typeof plugins;
export const containerNames = Object.keys(plugins) as ContainerName[];

export async function buildContainer(wanted: string, outputDirectory: string): Promise<void> {
  const name = containerNames.find((known) => known === wanted);
  if (name === undefined) throw new Error(`no container '${wanted}': wanted one of ${containerNames.join(', ')}`);
  for (const program of programs[name]) await bundleContainer(name, join(import.meta.dirname, name, `${program}.ts`), join(outputDirectory, `${program}.mjs`));
}

/** Any program, bundled as that container's own is. */
export async function bundleContainer(name: ContainerName, entryPoint: string, outfile: string): Promise<void> {
  await mkdir(dirname(outfile), { recursive: true });
  await build({
    entryPoints: [entryPoint],
    outfile,
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
    plugins: await plugins[name](),
    logLevel: 'warning',
  });
}

if (import.meta.main) {
  const [name, outputDirectory] = process.argv.slice(2);
  if (name === undefined || outputDirectory === undefined) {
    process.stderr.write(`wanted: node containers/build.ts <${containerNames.join('|')}> <output directory>\n`);
    process.exit(2);
  }
  await buildContainer(name, outputDirectory);
}
