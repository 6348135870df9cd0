/**
 * The topology that a deployment assumes, confirmed by reality before the deployment changes anything.
 *
 * CloudFormation looks up a template parameter of an SSM type before it starts, but validates only its key, never
 * its value (AWS CloudFormation User Guide, "Systems Manager parameter types"). So the fact is the parameter's
 * name: `/baton/<environment>/home-region/<region>` exists for the true home and for no other. A template that
 * names another home is refused with "unable to fetch parameters" and nothing was touched. The database that is written
 * is recorded alike. The machine that moves either makes the one and deletes the other. The image that runs needs no such
 * parameter: no template names one. See docs/decisions/0006-the-home-region-is-the-name-of-a-parameter.md.
 */
import { CfnOutput, CfnParameter, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import type { IDependable } from 'constructs';
import type { Settings } from '../settings/index.ts';

export function homeRegionParameterName(environment: string, region: string): string {
  return `/baton/${environment}/home-region/${region}`;
}

export function writingDatabaseParameterName(environment: string, identifier: string): string {
  return `/baton/${environment}/writing-database/${identifier}`;
}

/** Records the first home, once `after` – whatever refuses a home that the leases contradict – has succeeded. */
export function recordHomeRegion(stack: Stack, settings: Settings, after: IDependable): void {
  const home = settings.regions.home.name;
  const description = 'Exists for the true home Region and for no other; templates name it.';
  record(stack, 'HomeRegion', { name: homeRegionParameterName(settings.environment, home), value: home, description, after });
}

/** Records the first database, once it is there. */
export function recordWritingDatabase(stack: Stack, settings: Settings, identifier: string, database: IDependable): void {
  const name = writingDatabaseParameterName(settings.environment, identifier);
  const description = 'Exists for the database that is written and for no other; templates name it.';
  record(stack, 'WritingDatabase', { name, value: identifier, description, after: database });
}

/** Makes the stack's every deployment fail, before it changes anything, where the home is another Region. */
export function confirmHomeRegion(stack: Stack, settings: Settings): void {
  confirm(stack, 'HomeRegion', homeRegionParameterName(settings.environment, settings.regions.home.name));
}

/** The same, where another database is written. */
export function confirmWritingDatabase(stack: Stack, settings: Settings, identifier: string): void {
  confirm(stack, 'WritingDatabase', writingDatabaseParameterName(settings.environment, identifier));
}

interface Fact {
  readonly name: string;
  readonly value: string;
  readonly description: string;
  readonly after: IDependable;
}

function record(stack: Stack, id: string, { name, value, description, after }: Fact): void {
  const parameter = new ssm.CfnParameter(stack, id, { name, type: 'String', value, description });
  parameter.node.addDependency(after);
  keepAsRecorded(parameter);
}

function confirm(stack: Stack, fact: string, name: string): void {
  const confirmed = new CfnParameter(stack, `Confirmed${fact}`, {
    type: 'AWS::SSM::Parameter::Value<String>',
    default: name,
    allowedValues: [name],
    description: 'Missing means that reality is another one: correct the settings, not the parameter.',
  });
  // The validator counts an unused parameter as a mistake, and the console shows outputs.
  new CfnOutput(stack, `${fact}AtDeployment`, { value: confirmed.valueAsString });
}

/**
 * For parameters that machines write after the deployment made them. CloudFormation writes the template's value
 * again whenever anything of the resource changes, its tags included: so nothing of it may ever change, and the app
 * leaves this type out when it tags.
 */
export function keepAsRecorded(parameter: ssm.CfnParameter): void {
  parameter.applyRemovalPolicy(RemovalPolicy.RETAIN);
}
