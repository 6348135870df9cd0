/** Everything that can be asked before and after a deployment, in the order in which a person puts it right. */
import type { Settings } from '../settings/index.ts';
import { accountChecks } from './account.ts';
import { type Result, runChecks } from './check.ts';
import { clientsOf } from './clients.ts';
import { contentChecks, type Images } from './contents.ts';
import { outsideChecks } from './outside.ts';
import { quotaChecks } from './quotas.ts';
import { stackChecks } from './stacks.ts';
import { topologyChecks } from './topology.ts';

export type { Result } from './check.ts';
export type { Images } from './contents.ts';

export async function preflight(settings: Settings, images: Images): Promise<readonly Result[]> {
  const home = clientsOf(settings.regions.home.name);
  const standby = clientsOf(settings.regions.standby.name);
  try {
    return await runChecks([
      ...accountChecks(settings, home, standby),
      ...quotaChecks(settings, home),
      ...stackChecks(settings, home),
      ...topologyChecks(settings, home),
      ...contentChecks(settings, home, images),
      ...outsideChecks(settings, home),
    ]);
  } finally {
    home.destroy();
    standby.destroy();
  }
}
