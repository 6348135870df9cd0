/** Lets a function read the templates that are deployed, for what they cost: `BATON_STACKS` names them. */
import { Stack, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { stackNames, stackNamesOfFirst } from '../contracts/stack-names.ts';
import type { Settings } from '../settings/index.ts';
import type { MonitoredFunction } from './function.ts';

interface Named {
  readonly region: string;
  readonly stackName: string;
}

/** All of an environment, in both Regions. */
function stacksOf({ environment, regions: { first, second } }: Settings): readonly Named[] {
  const of = (region: string, names: readonly string[]): Named[] => names.map((name) => ({ region, stackName: `baton-${environment}-${name}` }));
  return [...of(first.name, stackNamesOfFirst), ...of(second.name, stackNames)];
}

export const stacksInWords = (settings: Settings): string => stacksOf(settings).map(({ region, stackName }) => `${region}/${stackName}`).join(',');

export function letReadTemplates(reader: MonitoredFunction, settings: Settings): void {
  const stack = Stack.of(reader);
  // CloudFormation ends the name of a stack with an id of its own making.
  const deployed = stacksOf(settings).map(({ region, stackName }) => stack.formatArn({ service: 'cloudformation', region, resource: 'stack', resourceName: `${stackName}/*` }));
  reader.function.addToRolePolicy(new iam.PolicyStatement({ actions: ['cloudformation:GetTemplate'], resources: deployed }));
  for (const arn of deployed) {
    Validations.of(reader).acknowledge({ id: `AwsSolutions-IAM5[Resource::${arn}]`, reason: 'CloudFormation ends the name of a stack with an id of its own making.' });
  }
}
