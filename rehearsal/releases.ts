/** The images that rehearsals deploy: built from their Dockerfiles, once for all that is told of an assembly. */
import { dirname, join } from 'node:path';
import { buildImage, type BuiltImage } from './processes/container-image.ts';

/** The images of one release, as `npm run images` would print them. */
export interface Release {
  readonly trader: BuiltImage;
  readonly guard: BuiltImage;
}
export interface Releases {
  readonly first: Release;
  readonly second: Release;
}

const root = dirname(import.meta.dirname);

/** Two releases that differ in their label only. @param directory where they are kept */
export async function buildReleases(directory: string): Promise<Releases> {
  const image = (name: string, release: string): Promise<BuiltImage> =>
    buildImage({ dockerfile: join(root, 'containers', name, 'Dockerfile'), context: root, directory, labels: { release } });
  const [guard, trader, nextTrader] = await Promise.all([image('guard', '1'), image('trader', '1'), image('trader', '2')]);
  return { first: { guard, trader }, second: { guard, trader: nextTrader } };
}
