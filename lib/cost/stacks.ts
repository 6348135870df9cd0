/** Stacks as far as their price depends on them, from templates as the CDK writes them and CloudFormation keeps them. */

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

export function pricedStack(name: string, region: string, template: unknown): PricedStack {
  const resources = Object.entries((template as Template).Resources ?? {});
  return { name, region, resources: resources.map(([logicalId, { Type: type, Properties: properties = {} }]) => ({ logicalId, type, properties })) };
}
