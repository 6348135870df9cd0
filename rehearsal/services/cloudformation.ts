/** CloudFormation's view of what was deployed: stacks, their resources, outputs and templates. Stacks are made by deploy.ts. */
import { AwsError, type Call, type ServiceModel, type World } from '../cloud/model.ts';
import { pageOf } from './pages.ts';

export interface StackRecord {
  readonly name: string;
  readonly id: string;
  readonly region: string;
  /** As synth wrote it. */
  readonly template: object;
  readonly description: string | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  readonly terminationProtection: boolean;
  readonly createdAt: Date;
}
export interface OutputRecord {
  readonly name: string;
  readonly value: string;
  readonly description: string | undefined;
  readonly exportName: string | undefined;
}
export interface ResourceRecord {
  readonly logicalId: string;
  readonly physicalId: string;
  readonly type: string;
}
/** What a deployment tells. */
export interface CloudFormation extends ServiceModel {
  stackBegun(stack: StackRecord): void;
  resourceCreated(stackId: string, resource: ResourceRecord): void;
  stackCreated(stackId: string, outputs: readonly OutputRecord[]): void;
}

interface Stack extends StackRecord {
  status: 'CREATE_IN_PROGRESS' | 'CREATE_COMPLETE';
  outputs: readonly OutputRecord[];
  /** As it was set: a deployment sets none. */
  policy?: string;
  readonly resources: Array<ResourceRecord & { readonly at: Date }>;
}
interface ResourceInput {
  readonly StackName?: string;
  readonly LogicalResourceId?: string;
  readonly NextToken?: string;
}

const pageMax = 100;

export function cloudformation(world: World): CloudFormation {
  const stacks: Stack[] = [];

  function stackOf(nameOrId: string | undefined, region: string): Stack {
    const found = stacks.find((stack) => stack.region === region && [stack.name, stack.id].includes(nameOrId ?? ''));
    if (!found) throw new AwsError('ValidationError', `Stack with id ${nameOrId ?? ''} does not exist`);
    return found;
  }
  const byId = (id: string): Stack => {
    const found = stacks.find((stack) => stack.id === id);
    if (!found) throw new Error(`no stack with the id ${id} was begun`);
    return found;
  };
  const inRegion = (region: string): Stack[] => stacks.filter((stack) => stack.region === region);
  const newestFirst = (region: string): Stack[] => inRegion(region).toReversed();
  const paged = { size: undefined, sizeMax: pageMax, invalidToken: 'ValidationError' };

  const shownResource = (stack: Stack, { logicalId, physicalId, type, at }: Stack['resources'][number]) => ({
    LogicalResourceId: logicalId, PhysicalResourceId: physicalId, ResourceType: type, ResourceStatus: 'CREATE_COMPLETE',
    StackName: stack.name, StackId: stack.id, DriftInformation: { StackResourceDriftStatus: 'NOT_CHECKED' }, at,
  });

  function resourceOf({ StackName, LogicalResourceId }: ResourceInput, region: string) {
    const stack = stackOf(StackName, region);
    const found = stack.resources.find(({ logicalId }) => logicalId === LogicalResourceId);
    if (!found) throw new AwsError('ValidationError', `Resource ${LogicalResourceId ?? ''} does not exist for stack ${stack.name}`);
    return shownResource(stack, found);
  }

  return {
    service: 'cloudformation',
    operations: {
      ListStacks: ({ StackStatusFilter, NextToken }: { StackStatusFilter?: readonly string[]; NextToken?: string }, { region }: Call) => {
        const chosen = newestFirst(region).filter(({ status }) => StackStatusFilter?.length ? StackStatusFilter.includes(status) : true);
        const { elements, next } = pageOf(chosen, { token: NextToken, keyOf: ({ id }) => id, ...paged });
        return {
          StackSummaries: elements.map(({ name, id, description, createdAt, status }) => ({
            StackName: name, StackId: id, TemplateDescription: description, CreationTime: createdAt, StackStatus: status,
          })),
          NextToken: next,
        };
      },
      DescribeStacks: ({ StackName, NextToken }: { StackName?: string; NextToken?: string }, { region }: Call) => {
        const chosen = StackName === undefined ? newestFirst(region) : [stackOf(StackName, region)];
        const { elements, next } = pageOf(chosen, { token: NextToken, keyOf: ({ id }) => id, ...paged });
        return {
          Stacks: elements.map((stack) => ({
            StackName: stack.name, StackId: stack.id, Description: stack.description, CreationTime: stack.createdAt, StackStatus: stack.status,
            EnableTerminationProtection: stack.terminationProtection,
            Parameters: Object.entries(stack.parameters).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue })),
            Outputs: stack.outputs.map(({ name, value, description, exportName }) => ({
              OutputKey: name, OutputValue: value, Description: description, ExportName: exportName,
            })),
          })),
          NextToken: next,
        };
      },
      /** "Only the first 100 resources will be returned"; ListStackResources pages through all. */
      DescribeStackResources: ({ StackName, LogicalResourceId }: ResourceInput, { region }: Call) => {
        const stack = stackOf(StackName, region);
        const chosen = stack.resources.filter(({ logicalId }) => LogicalResourceId === undefined || logicalId === LogicalResourceId);
        return {
          StackResources: chosen.slice(0, pageMax).map((resource) => {
            const { at, ...shown } = shownResource(stack, resource);
            return { ...shown, Timestamp: at };
          }),
        };
      },
      DescribeStackResource: (input: ResourceInput, { region }: Call) => {
        const { at, ...shown } = resourceOf(input, region);
        return { StackResourceDetail: { ...shown, LastUpdatedTimestamp: at } };
      },
      ListStackResources: ({ StackName, NextToken }: ResourceInput, { region }: Call) => {
        const stack = stackOf(StackName, region);
        const { elements, next } = pageOf(stack.resources, { token: NextToken, keyOf: ({ logicalId }) => logicalId, ...paged });
        return {
          StackResourceSummaries: elements.map((resource) => {
            const { at, StackName: _name, StackId: _id, ...shown } = shownResource(stack, resource);
            return { ...shown, LastUpdatedTimestamp: at };
          }),
          NextToken: next,
        };
      },
      SetStackPolicy: ({ StackName, StackPolicyBody }: { StackName: string; StackPolicyBody?: string }, { region }: Call) => {
        const stack = stackOf(StackName, region);
        if (StackPolicyBody === undefined) throw new AwsError('NotImplemented', 'a stack policy from a URL is not modelled', { fault: 'server' });
        stack.policy = policyOf(StackPolicyBody);
        return {};
      },
      GetStackPolicy: ({ StackName }: ResourceInput, { region }: Call) => ({ StackPolicyBody: stackOf(StackName, region).policy }),
      GetTemplate: ({ StackName }: ResourceInput, { region }: Call) => ({
        TemplateBody: JSON.stringify(stackOf(StackName, region).template, null, 2), StagesAvailable: ['Original', 'Processed'],
      }),
      ListExports: ({ NextToken }: { NextToken?: string }, { region }: Call) => {
        const all = inRegion(region).flatMap((stack) =>
          stack.outputs.flatMap(({ exportName, value }) => (exportName === undefined ? [] : [{ ExportingStackId: stack.id, Name: exportName, Value: value }])),
        );
        const { elements, next } = pageOf(all, { token: NextToken, keyOf: ({ Name }) => Name, ...paged });
        return { Exports: elements, NextToken: next };
      },
    },
    stackBegun(stack) {
      stacks.push({ ...stack, status: 'CREATE_IN_PROGRESS', outputs: [], resources: [] });
    },
    resourceCreated(stackId, resource) {
      byId(stackId).resources.push({ ...resource, at: world.now() });
    },
    stackCreated(stackId, outputs) {
      const stack = byId(stackId);
      stack.outputs = outputs;
      stack.status = 'CREATE_COMPLETE';
    },
  };
}

/** "The maximum length is 16 KB", and it is JSON with statements. */
function policyOf(body: string): string {
  const refuse = (why: string): never => {
    throw new AwsError('ValidationError', `Error validating stack policy: ${why}`);
  };
  if (Buffer.byteLength(body) > 16_384) refuse('it is longer than 16 KB');
  try {
    if (!Array.isArray((JSON.parse(body) as { Statement?: unknown }).Statement)) refuse('it has no statements');
  } catch (error) {
    if (error instanceof AwsError) throw error;
    refuse('it is no JSON');
  }
  return body;
}
