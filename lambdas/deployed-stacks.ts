/** What is deployed, as far as its price depends on it: the templates that CloudFormation keeps. */
import { CloudFormationClient, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import { type PricedStack, pricedStack } from '../lib/cost/stacks.ts';

/** CloudFormation has no name of its own for it. */
const isNotDeployed = ({ name, message }: Error): boolean => name === 'ValidationError' && message.endsWith('does not exist');

/** @param names those that are not deployed yet have nothing that costs */
export async function deployedStacks(region: string, names: readonly string[], abortSignal?: AbortSignal): Promise<PricedStack[]> {
  const client = new CloudFormationClient({ region });
  return Promise.all(names.map(async (StackName) => {
    try {
      const { TemplateBody = '{}' } = await client.send(new GetTemplateCommand({ StackName }), { ...(abortSignal && { abortSignal }) });
      return pricedStack(StackName, region, JSON.parse(TemplateBody));
    } catch (error) {
      if (isNotDeployed(error as Error)) return pricedStack(StackName, region, {});
      throw error;
    }
  }));
}

/** @param named `region/stack`, comma-separated, as the environment of a function has them */
export function byRegion(named: string): ReadonlyMap<string, readonly string[]> {
  const regions = new Map<string, string[]>();
  for (const each of named.split(',')) {
    const [region = '', name = ''] = each.split('/');
    regions.set(region, [...(regions.get(region) ?? []), name]);
  }
  return regions;
}
