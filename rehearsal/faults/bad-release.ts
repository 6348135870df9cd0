/** The image of a release that looks well and never trades: the trader's, with another program at its entry point. */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import type { BuiltImage } from '../processes/container-image.ts';

export async function badRelease(trader: BuiltImage, directory: string): Promise<BuiltImage> {
  const entry = trader.entrypoint.at(-1);
  if (entry === undefined) throw new Error(`the trader's image ${trader.digest} has no entry point`);
  const root = join(directory, 'bad-release');
  const outfile = join(root, entry);
  await mkdir(dirname(outfile), { recursive: true });
  await build({
    entryPoints: [join(import.meta.dirname, 'mute-trader.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    logLevel: 'warning',
  });
  const digest = createHash('sha256').update(await readFile(outfile)).digest('hex');
  return { ...trader, digest: `sha256:${digest}`, root };
}
