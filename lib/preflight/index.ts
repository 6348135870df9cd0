/** Everything that can be asked before and after a deployment, in the order in which a person puts it right. */
import type { Settings } from '../settings/index.ts';
import { accountChecks } from './account.ts';
import { billChecks } from './bill.ts';
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
    const both = [home, standby];
    return await runChecks([
      ...accountChecks(settings, home, standby),
      ...both.flatMap((region) => quotaChecks(settings, region)),
      ...both.flatMap((region) => stackChecks(settings, region)),
      ...topologyChecks(settings, home, standby),
      ...contentChecks(settings, home, standby, images),
      ...billChecks(settings, settings.home === settings.regions.first.name ? home : standby),
      ...outsideChecks(settings, both),
    ]);
  } finally {
    home.destroy();
    standby.destroy();
  }
}
