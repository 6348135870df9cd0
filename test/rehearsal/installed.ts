/** What tests install: what was synthesized and built once for their whole run, with typical delays, and nobody to watch. */
import type { InstallationOptions } from '../../rehearsal/installation.ts';
import type { Progress } from '../../rehearsal/report/progress.ts';
import { assemblyOf, releasesOfAll } from '../assemblies.ts';

export const silent: Progress = { heading: () => undefined, note: () => undefined, begin: () => () => undefined, close: () => undefined };

export async function installationOf(
  environment: Parameters<typeof assemblyOf>[0], more: Partial<Pick<InstallationOptions, 'cuttable' | 'bothRegions'>> = {},
): Promise<InstallationOptions> {
  return { assembly: assemblyOf(environment), releases: await releasesOfAll(), seed: 1, progress: silent, provisioning: 'typical', ...more };
}
