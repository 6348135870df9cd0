/** cost-burn: what the environment costs an hour, as it is deployed and runs now. Contract: lib/contracts/cost-burn.ts. */
import { DescribeServicesCommand, ECSClient } from '@aws-sdk/client-ecs';
import { costBurn } from '../../lib/contracts/cost-burn.ts';
import { burnSteps } from '../../lib/cost/burn.ts';
import { loadPriceTable } from '../../lib/cost/price-table.ts';
import { byRegion, deployedStacks } from '../deployed-stacks.ts';
import { regionAnswers } from '../region-answers.ts';
import { serve } from '../serve.ts';

/** Nobody waits for it, and a Region that is only slow is not left out. */
const probeTimeoutMs = 10_000;

const burn = serve(costBurn, process.env, ({ BATON_STACKS, BATON_CLUSTER, BATON_SERVICES }) => {
  const named = byRegion(BATON_STACKS);
  return burnSteps({
    table: loadPriceTable(),
    regions: [...named.keys()],
    answers: (region) => regionAnswers(region, probeTimeoutMs),
    stacks: (region) => deployedStacks(region, named.get(region) ?? []),
    async runningTasks(region) {
      const described = new ECSClient({ region }).send(new DescribeServicesCommand({ cluster: BATON_CLUSTER, services: BATON_SERVICES.split(',') }));
      const { services = [] } = (await unless(({ name }) => name === 'ClusterNotFoundException', described)) ?? {};
      return new Map(services.map(({ serviceName = '', runningCount = 0 }) => [serviceName, runningCount]));
    },
  });
});

async function unless<T>(isFine: (error: Error) => boolean, asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isFine(error as Error)) return undefined;
    throw error;
  }
}

export const handler = (): Promise<unknown> => burn({ step: 'measure' });
