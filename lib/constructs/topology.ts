/**
 * The topology that a deployment assumes, confirmed by reality before the deployment changes anything.
 *
 * CloudFormation looks up a template parameter of an SSM type before it starts, but validates only its key, never
 * its value (AWS CloudFormation User Guide, "Systems Manager parameter types"). So the fact is the parameter's
 * name: `/baton/<environment>/home-region/<region>` exists for the true home and for no other. A template that
 * names another home is refused with "unable to fetch parameters" and nothing was touched. The machine that moves
 * the home makes the one and deletes the other. See docs/decisions/0006-the-home-region-is-the-name-of-a-parameter.md.
 */
import { CfnOutput, CfnParameter, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import type { IDependable } from 'constructs';
import type { Settings } from '../settings/index.ts';

export function homeRegionParameterName(environment: string, region: string): string {
  return `/baton/${environment}/home-region/${region}`;
}

/** Records the first home, once `after` – whatever refuses a home that the leases contradict – has succeeded. */
export function recordHomeRegion(stack: Stack, settings: Settings, after: IDependable): void {
  const home = settings.regions.home.name;
  const parameter = new ssm.CfnParameter(stack, 'HomeRegion', {
    name: homeRegionParameterName(settings.environment, home),
    type: 'String',
    value: home,
    description: 'Exists for the true home Region and for no other; templates name it.',
  });
  parameter.node.addDependency(after);
  keepAsRecorded(parameter);
}

/** Makes the stack's every deployment fail, before it changes anything, where the home is another Region. */
export function confirmHomeRegion(stack: Stack, settings: Settings): void {
  const name = homeRegionParameterName(settings.environment, settings.regions.home.name);
  const confirmed = new CfnParameter(stack, 'ConfirmedHomeRegion', {
    type: 'AWS::SSM::Parameter::Value<String>',
    default: name,
    allowedValues: [name],
    description: 'Missing means that the home Region is another one: correct the settings, not the parameter.',
  });
  // The validator counts an unused parameter as a mistake, and the console shows outputs.
  new CfnOutput(stack, 'HomeRegionAtDeployment', { value: confirmed.valueAsString });
}

/**
 * For parameters that machines write after the deployment made them. CloudFormation writes the template's value
 * again whenever anything of the resource changes, its tags included: so nothing of it may ever change, and the app
 * leaves this type out when it tags.
 */
export function keepAsRecorded(parameter: ssm.CfnParameter): void {
  parameter.applyRemovalPolicy(RemovalPolicy.RETAIN);
}
