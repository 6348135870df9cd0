/**
 * What the environment burns now: the deployed templates, priced as before their deployment, with the tasks that run in place of
 * those that are meant to. So a second colour that nobody retired shows within the hour. Of a Region that does not answer
 * nothing is known, which the answer says; the figures are then those of the other.
 */
import type { costBurn } from '../contracts/cost-burn.ts';
import type { Implementation } from '../contracts/step.ts';
import { assumed, type Assumed } from './assumptions.ts';
import { estimate, total } from './estimate.ts';
import type { PricedStack } from './stacks.ts';
import type { PriceTable } from './price-table.ts';

export interface BurnParts {
  readonly table: PriceTable;
  /** Where an environment is; one of them may be lost, or not deployed yet. */
  readonly regions: readonly string[];
  readonly answers: (region: string) => Promise<boolean>;
  /** What is deployed in a Region that answers. */
  readonly stacks: (region: string) => Promise<readonly PricedStack[]>;
  /** How many tasks of each service run in a Region; what is not there runs none. */
  readonly runningTasks: (region: string) => Promise<ReadonlyMap<string, number>>;
}

export function burnSteps({ table, regions: all, answers, stacks, runningTasks }: BurnParts): Implementation<typeof costBurn> {
  return {
    async measure() {
      const answering = await Promise.all(all.map(answers));
      const regions = all.filter((_, index) => answering[index]);
      const deployed = (await Promise.all(regions.map(stacks))).flat();
      const running = new Map(await Promise.all(regions.map(async (region) => [region, await runningTasks(region)] as const)));
      const count = (region: string): number => [...(running.get(region)?.values() ?? [])].reduce((sum, tasks) => sum + tasks, 0);
      // Where most tasks run is home: a standby Region has half of them.
      const home = regions.toSorted((a, b) => count(b) - count(a))[0] ?? '';
      const usual = assumed();
      // As counted: none of them is warm besides, and the standby's are not a share of others.
      const measured: Assumed = { ...usual, warmHours: 0, standbyTasks: 1 };
      const { lines, unpriced } = estimate({ stacks: deployed.map((stack) => withTasks(stack, running.get(stack.region))), table, assumed: measured, home });
      const usdPerMonth = total(lines);
      return {
        usdPerHour: usdPerMonth / usual.hours,
        usdPerMonth,
        tasks: Object.fromEntries(regions.flatMap((region) => [...(running.get(region) ?? [])].map(([service, tasks]) => [`${region}/${service}`, tasks]))),
        unseen: all.filter((region) => !regions.includes(region)),
        unpriced: unpriced.map(({ stack, resource, why }) => `${stack} ${resource}: ${why}`),
      };
    },
  };
}

function withTasks(stack: PricedStack, running: ReadonlyMap<string, number> | undefined): PricedStack {
  const resources = stack.resources.map((resource) => {
    if (resource.type !== 'AWS::ECS::Service') return resource;
    const tasks = running?.get(String(resource.properties['ServiceName'])) ?? 0;
    return { ...resource, properties: { ...resource.properties, DesiredCount: tasks } };
  });
  return { ...stack, resources };
}
