/**
 * Spot is for what may be taken away with two minutes' notice, and no trader may. Fargate takes it by a capacity provider: of a service, of a
 * cluster that services run in, of a call of a state machine, or of what runs a task by a clock or an event. Each fails the synthesis where traders
 * could be meant: of the last, all whose task definition is not seen to have neither a guard nor a role of one that has.
 */
import type { IPolicyValidationContext, IPolicyValidationPlugin, PolicyValidationPluginReport } from 'aws-cdk-lib';
import { type Finding, reportOf, resourcesOf, type TemplateResource } from './template.ts';

const spot = 'FARGATE_SPOT';
/** What runs a task definition that it names. */
const runners: readonly string[] = ['AWS::ECS::TaskSet', 'AWS::Events::Rule', 'AWS::Scheduler::Schedule'];
const says = (value: unknown): boolean => JSON.stringify(value ?? null).includes(spot);

export class SpotRules implements IPolicyValidationPlugin {
  readonly name = 'Baton spot';

  validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const resources = resourcesOf(context);
    const services = resources.filter(({ type }) => type === 'AWS::ECS::Service');
    const isOfServices = ({ templatePath }: TemplateResource, cluster: unknown): boolean =>
      services.some((service) => service.templatePath === templatePath && JSON.stringify(service.properties['Cluster']) === JSON.stringify(cluster));
    const clusters = resources.filter(
      (resource) =>
        (resource.type === 'AWS::ECS::Cluster' && says(resource.properties) && isOfServices(resource, { Ref: resource.logicalId })) ||
        (resource.type === 'AWS::ECS::ClusterCapacityProviderAssociations' && says(resource.properties) && isOfServices(resource, resource.properties['Cluster'])),
    );
    const machines = resources.filter(({ type, properties }) => type === 'AWS::StepFunctions::StateMachine' && says(properties['DefinitionString']));
    const running = resources.filter((resource) => runners.includes(resource.type) && says(resource.properties) && !runsNoTrader(resource, resources));
    return reportOf([...services.filter(({ properties }) => says(properties)), ...clusters, ...machines, ...running].map(refused));
  }
}

function runsNoTrader({ templatePath, properties }: TemplateResource, all: readonly TemplateResource[]): boolean {
  const definitions = all.filter((each) => each.templatePath === templatePath && each.type === 'AWS::ECS::TaskDefinition');
  const hasGuard = (definition: TemplateResource): boolean =>
    (definition.properties['ContainerDefinitions'] as readonly { readonly Name?: string }[] | undefined ?? []).some(({ Name }) => Name === 'guard');
  const roleOf = (definition: TemplateResource): string => JSON.stringify(definition.properties['TaskRoleArn'] ?? null);
  const traders = new Set(definitions.filter(hasGuard).map(roleOf));
  return definitions.some((each) => JSON.stringify(properties).includes(`"${each.logicalId}"`) && !hasGuard(each) && !traders.has(roleOf(each)));
}

function refused(resource: TemplateResource): Finding {
  return {
    rule: 'NoTraderOnSpot',
    description: 'A trader would run on Spot, which AWS takes back with two minutes\' notice, whatever it is doing.',
    fix: `Take ${spot} out. Back-tests have a cluster of their own (lib/constructs/budget-response.ts).`,
    resource,
    location: 'Properties',
  };
}
