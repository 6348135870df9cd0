/** cost-burn: what the environment costs an hour, as it is deployed and runs now. Contract: lib/contracts/cost-burn.ts. */
import { CloudFormationClient, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import { DescribeServicesCommand, ECSClient } from '@aws-sdk/client-ecs';
import { costBurn } from '../../lib/contracts/cost-burn.ts';
import { burnSteps } from '../../lib/cost/burn.ts';
import { loadPriceTable } from '../../lib/cost/price-table.ts';
import { pricedStack } from '../../lib/cost/stacks.ts';
import { regionAnswers } from '../region-answers.ts';
import { serve } from '../serve.ts';

/** Nobody waits for it, and a Region that is only slow is not left out. */
const probeTimeoutMs = 10_000;

const burn = serve(costBurn, process.env, ({ BATON_STACKS, BATON_CLUSTER, BATON_SERVICES }) => {
  const named = BATON_STACKS.split(',').map((each) => each.split('/') as [string, string]);
  return burnSteps({
    table: loadPriceTable(),
    regions: [...new Set(named.map(([region]) => region))],
    answers: (region) => regionAnswers(region, probeTimeoutMs),
    async stacks(region) {
      const client = new CloudFormationClient({ region });
      const here = named.filter(([each]) => each === region).map(async ([, StackName]) => {
        const template = await unless(isNotDeployed, client.send(new GetTemplateCommand({ StackName })));
        return pricedStack(StackName, region, JSON.parse(template?.TemplateBody ?? '{}'));
      });
      return Promise.all(here);
    },
    async runningTasks(region) {
      const described = new ECSClient({ region }).send(new DescribeServicesCommand({ cluster: BATON_CLUSTER, services: BATON_SERVICES.split(',') }));
      const { services = [] } = (await unless(({ name }) => name === 'ClusterNotFoundException', described)) ?? {};
      return new Map(services.map(({ serviceName = '', runningCount = 0 }) => [serviceName, runningCount]));
    },
  });
});

/** CloudFormation has no name of its own for it. */
const isNotDeployed = ({ name, message }: Error): boolean => name === 'ValidationError' && message.endsWith('does not exist');

async function unless<T>(isFine: (error: Error) => boolean, asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isFine(error as Error)) return undefined;
    throw error;
  }
}

export const handler = (): Promise<unknown> => burn({ step: 'measure' });
