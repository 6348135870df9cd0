/** cost-burn: what the environment costs an hour, as it is deployed and runs now. Contract: lib/contracts/cost-burn.ts. */
import { CloudFormationClient, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import { DescribeServicesCommand, ECSClient } from '@aws-sdk/client-ecs';
import { costBurn } from '../../lib/contracts/cost-burn.ts';
import { burnSteps } from '../../lib/cost/burn.ts';
import { loadPriceTable } from '../../lib/cost/price-table.ts';
import { pricedStack } from '../../lib/cost/stacks.ts';
import { serve } from '../serve.ts';

const burn = serve(costBurn, process.env, ({ BATON_STACKS, BATON_CLUSTER, BATON_SERVICES }) => {
  const named = BATON_STACKS.split(',').map((each) => each.split('/') as [string, string]);
  const clients = new Map(named.map(([region]) => [region, { stacks: new CloudFormationClient({ region }), containers: new ECSClient({ region }) }]));
  return burnSteps({
    table: loadPriceTable(),
    stacks: () =>
      Promise.all(named.map(async ([region, StackName]) => {
        const { TemplateBody = '{}' } = (await clients.get(region)?.stacks.send(new GetTemplateCommand({ StackName }))) ?? {};
        return pricedStack(StackName, region, JSON.parse(TemplateBody));
      })),
    async runningTasks(region) {
      const { services = [] } = (await clients.get(region)?.containers.send(new DescribeServicesCommand({ cluster: BATON_CLUSTER, services: BATON_SERVICES.split(',') }))) ?? {};
      return new Map(services.map(({ serviceName = '', runningCount = 0 }) => [serviceName, runningCount]));
    },
  });
});

export const handler = (): Promise<unknown> => burn({ step: 'measure' });
