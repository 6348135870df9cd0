/** The state machines that a deployment would make, read from what was synthesized, their references resolved to the logical names of the template. */
import { readAssembly } from '../../rehearsal/cloud/assembly.ts';
import type { StateMachineDefinition } from '../../rehearsal/states/definition.ts';

interface Resource {
  readonly Type: string;
  readonly Properties?: Record<string, unknown>;
}
interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
}

export interface Synthesized {
  /** By their names without the installation's: `cutover`. */
  readonly machines: ReadonlyMap<string, StateMachineDefinition>;
  /** By family. */
  readonly taskDefinitions: ReadonlyMap<string, Record<string, unknown>>;
}

/** Of the stacks of one Region in an assembly: both have the same machines. */
export function synthesizedIn(directory: string, { installation, region }: { readonly installation: string; readonly region: string }): Synthesized {
  const templates = readAssembly(directory).stacks.filter((stack) => stack.region === region).map(({ template }) => template as unknown as Template);
  const of = (type: string) => templates.flatMap((template) =>
    Object.values(template.Resources).flatMap(({ Type, Properties = {} }) => (Type === type ? [{ template, properties: Properties }] : [])));
  return {
    machines: new Map(of('AWS::StepFunctions::StateMachine').map(({ template, properties }) => [
      String(properties['StateMachineName']).replace(`${installation}-`, ''), JSON.parse(joined(properties['DefinitionString'], template)) as StateMachineDefinition,
    ])),
    taskDefinitions: new Map(of('AWS::ECS::TaskDefinition').map(({ properties }) => [String(properties['Family']), properties])),
  };
}

function joined(value: unknown, template: Template): string {
  if (typeof value === 'string') return value;
  const { 'Fn::Join': join, 'Fn::GetAtt': attribute, Ref } = value as { 'Fn::Join'?: [string, unknown[]]; 'Fn::GetAtt'?: [string, string]; Ref?: string };
  if (join !== undefined) return join[1].map((part) => joined(part, template)).join(join[0]);
  if (Ref !== undefined) return Ref === 'AWS::Partition' ? 'aws' : Ref;
  if (attribute !== undefined) return (template.Resources[attribute[0]]?.Properties?.['FunctionName'] as string | undefined) ?? attribute[0];
  return Object.keys(value as object).join();
}
