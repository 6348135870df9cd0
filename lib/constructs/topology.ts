/**
 * The topology that a deployment assumes, confirmed by reality before the deployment changes anything.
 *
 * CloudFormation looks up a template parameter of an SSM type before it starts, but validates only its key, never
 * its value (AWS CloudFormation User Guide, "Systems Manager parameter types"). So the fact is the parameter's
 * name: `/baton/<environment>/home-region/<region>` exists for the true home and for no other. A template that
 * names another home is refused with "unable to fetch parameters" and nothing was touched. The Region whose database is
 * written is recorded alike. Each Region has facts of its own, so that each can refuse when the other is gone. What is
 * declared is where an installation begins, the first Region, for ever; the machine that moves either makes the one
 * parameter and deletes the other. The image that runs needs no such parameter: no template names one. See
 * docs/decisions/0006-the-home-region-is-the-name-of-a-parameter.md.
 */
import { CfnOutput, CfnParameter, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import type { IDependable } from 'constructs';
import type { Settings } from '../settings/index.ts';

export function homeRegionParameterName(environment: string, region: string): string {
  return `/baton/${environment}/home-region/${region}`;
}

export function writingDatabaseParameterName(environment: string, region: string): string {
  return `/baton/${environment}/writing-database/${region}`;
}

/** Records where an installation begins, in each Region: once `after` – whatever refuses a home that the leases contradict – has succeeded. */
export function recordHomeRegion(stack: Stack, settings: Settings, after?: IDependable): void {
  const first = settings.regions.first.name;
  const description = 'Exists for the true home Region and for no other; templates name it.';
  record(stack, 'HomeRegion', { name: homeRegionParameterName(settings.environment, first), value: first, description, after });
}

/** Records the first database, in each Region, once this one's is there. */
export function recordWritingDatabase(stack: Stack, settings: Settings, database: IDependable): void {
  const first = settings.regions.first.name;
  const name = writingDatabaseParameterName(settings.environment, first);
  const description = 'Exists for the Region whose database is written and for no other; templates name it.';
  record(stack, 'WritingDatabase', { name, value: first, description, after: database });
}

/** Makes the stack's every deployment fail, before it changes anything, where the home is another Region. */
export function confirmHomeRegion(stack: Stack, settings: Settings): void {
  confirm(stack, 'HomeRegion', homeRegionParameterName(settings.environment, settings.home));
}

/** The same, where another Region's database is written. */
export function confirmWritingDatabase(stack: Stack, settings: Settings): void {
  confirm(stack, 'WritingDatabase', writingDatabaseParameterName(settings.environment, settings.home));
}

interface Fact {
  readonly name: string;
  readonly value: string;
  readonly description: string;
  readonly after: IDependable | undefined;
}

function record(stack: Stack, id: string, { name, value, description, after }: Fact): void {
  const parameter = new ssm.CfnParameter(stack, id, { name, type: 'String', value, description });
  if (after !== undefined) parameter.node.addDependency(after);
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
