/** The stacks of a cloud assembly, as far as their price depends on them. */
import { CloudAssembly } from 'aws-cdk-lib/cx-api';

export interface Resource {
  readonly logicalId: string;
  readonly type: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface PricedStack {
  readonly name: string;
  readonly region: string;
  readonly resources: readonly Resource[];
}

interface Template {
  readonly Resources?: Record<string, { readonly Type: string; readonly Properties?: Record<string, unknown> }>;
}

/** @param directory that a synthesis wrote */
export function readStacks(directory: string): PricedStack[] {
  return new CloudAssembly(directory).stacks.map(({ stackName, environment, template }) => ({
    name: stackName,
    region: environment.region,
    resources: Object.entries((template as Template).Resources ?? {}).map(([logicalId, { Type: type, Properties: properties = {} }]) => ({
      logicalId, type, properties,
    })),
  }));
}
