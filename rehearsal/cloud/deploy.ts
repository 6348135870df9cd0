/**
 * CloudFormation: creates the stacks of a cloud assembly in the world. Each resource is made by the model of its
 * service as soon as those it refers to are there; custom resources call their Lambda function and wait for the
 * answer at a URL of the front, as they do on AWS.
 */
import { createHash } from 'node:crypto';

import { readAssembly, type AssemblyStack } from './assembly.ts';
import type { Front } from './front.ts';
import { inertResources } from './inert.ts';
import { AwsError, type CreatedResource, type ResourceHandler, type ResourceRequest } from './model.ts';
import {
  holds, referencesIn, resolve, resolveDynamic,
  type DynamicReference, type ResolutionScope, type Template, type TemplateParameter, type TemplateResource,
} from './template.ts';
import type { CloudWorld } from './world.ts';
import type { CloudFormation, OutputRecord } from '../services/cloudformation.ts';

export interface DeployedResource extends CreatedResource {
  readonly type: string;
}
export interface DeployedStack {
  readonly stackName: string;
  readonly region: string;
  /** By logical id. */
  readonly resources: Readonly<Record<string, DeployedResource>>;
  /** By output name. */
  readonly outputs: Readonly<Record<string, string>>;
}

export interface DeployOptions {
  /** The directory that synth wrote, e.g. `cdk.out`. */
  readonly assemblyDirectory: string;
  readonly world: CloudWorld;
  /** Takes the answers of custom resources. */
  readonly front: Front;
  /** Which stacks; all of them when not said. */
  readonly only?: (stack: AssemblyStack) => boolean;
}

/** A custom resource that answers later than this never will, here. */
const customResourceTimeoutMs = 60_000;

/** By artifact, as synth names stacks: CloudFormation's names are the same in both Regions. Stacks that do not depend on each other are deployed at the same time. */
export async function deploy({ assemblyDirectory, world, front, only = () => true }: DeployOptions): Promise<ReadonlyMap<string, DeployedStack>> {
  const assembly = readAssembly(assemblyDirectory);
  const cloud = new Cloud(world, front);
  const underWay = new Map<string, Promise<DeployedStack>>();
  for (const stack of assembly.stacks.filter(only)) {
    const needed = stack.dependencies.flatMap((id) => underWay.get(id) ?? []);
    underWay.set(stack.artifactId, Promise.all(needed).then(() => cloud.deployStack(stack)));
  }
  // All of them settle before the first failure is thrown: nothing goes on behind the caller's back.
  const settled = await Promise.allSettled(underWay.values());
  for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason;
  return cloud.stacks;
}

class Cloud {
  readonly stacks = new Map<string, DeployedStack>();
  readonly #exports = new Map<string, string>();
  readonly #handlers = new Map<string, ResourceHandler>();
  readonly #world: CloudWorld;
  readonly #front: Front;

  constructor(world: CloudWorld, front: Front) {
    this.#world = world;
    this.#front = front;
    const tables = [inertResources, ...world.models().map((model) => model.resources ?? {})];
    for (const table of tables) for (const [type, handler] of Object.entries(table)) this.#handlers.set(type, handler);
  }

  async deployStack(stack: AssemblyStack): Promise<DeployedStack> {
    const world = this.#world;
    const { stackName, region, template } = stack;
    if (stack.account !== world.accountId) {
      throw new Error(
        `stack '${stackName}' is for account ${stack.account}, this world is ${world.accountId}; create the world with that id`,
      );
    }
    const hex = world.uniqueId(32);
    const stackId = `arn:aws:cloudformation:${region}:${world.accountId}:stack/${stackName}/${hex}`;
    const shown = world.model('cloudformation') as CloudFormation | undefined;
    const parameters = new Map<string, unknown>([
      ['AWS::AccountId', world.accountId],
      ['AWS::NotificationARNs', []],
      ['AWS::Partition', 'aws'],
      ['AWS::Region', region],
      ['AWS::StackId', stackId],
      ['AWS::StackName', stackName],
      ['AWS::URLSuffix', 'amazonaws.com'],
    ]);
    for (const [name, parameter] of Object.entries(template.Parameters ?? {})) {
      parameters.set(name, await this.#parameter(stackName, region, name, parameter));
    }

    shown?.stackBegun({
      name: stackName,
      id: stackId,
      region,
      template,
      description: template.Description,
      parameters: Object.fromEntries(Object.keys(template.Parameters ?? {}).map((name) => [name, String(parameters.get(name))])),
      terminationProtection: stack.terminationProtection,
      createdAt: world.now(),
    });
    const created = new Map<string, DeployedResource>();
    const scope = this.#scope(template, region, parameters, created);
    const wanted = Object.entries(template.Resources ?? {}).filter(
      ([, { Condition }]) => Condition === undefined || holds({ Condition }, scope),
    );
    const order = inOrder(stackName, new Map(wanted));
    const underWay = new Map<string, Promise<void>>();
    for (const [logicalId, resource] of order) {
      const needed = [...dependenciesOf(resource)].flatMap((id) => underWay.get(id) ?? []);
      const make = async (): Promise<void> => {
        await Promise.all(needed);
        const made = await this.#create({ stackName, stackId, region, logicalId, resource, scope });
        created.set(logicalId, made);
        shown?.resourceCreated(stackId, { logicalId, physicalId: made.ref, type: made.type });
      };
      underWay.set(logicalId, make());
    }
    const settled = await Promise.allSettled(underWay.values());
    const failures = settled.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    if (failures.length > 0) throw failures.find((failure) => failure instanceof DeploymentError) ?? failures[0];

    const outputs: Record<string, string> = {};
    const shownOutputs: OutputRecord[] = [];
    for (const [name, output] of Object.entries(template.Outputs ?? {})) {
      if (output.Condition !== undefined && !holds({ Condition: output.Condition }, scope)) continue;
      const value = resolve(output.Value, scope);
      outputs[name] = typeof value === 'string' ? value : JSON.stringify(value);
      const exportName = output.Export && String(resolve(output.Export.Name, scope));
      if (exportName !== undefined) this.#export(stackName, region, exportName, outputs[name]);
      shownOutputs.push({ name, value: outputs[name], description: output.Description, exportName });
    }
    shown?.stackCreated(stackId, shownOutputs);
    const deployed: DeployedStack = { stackName, region, resources: Object.fromEntries(created), outputs };
    this.stacks.set(stack.artifactId, deployed);
    world.log(`deployed ${stackName}`, { region, resources: created.size });
    return deployed;
  }

  #scope(
    template: Template,
    region: string,
    parameters: ReadonlyMap<string, unknown>,
    created: ReadonlyMap<string, DeployedResource>,
  ): ResolutionScope {
    return {
      template,
      parameters,
      ref: (logicalId) => created.get(logicalId)?.ref,
      attribute: (logicalId, name) => created.get(logicalId)?.attributes[name],
      importValue: (name) => {
        const found = this.#exports.get(`${region}:${name}`);
        if (found === undefined) throw new Error(`No export named ${name} found.`);
        return found;
      },
      stackOutput: ({ stackName, region: from, outputName }) => {
        const named = [...this.stacks.values()].find((stack) => stack.stackName === stackName && stack.region === from);
        const found = named?.outputs[outputName];
        if (found === undefined) {
          throw new Error(`stack '${stackName}' in ${from} has no output '${outputName}'; does this stack depend on it?`);
        }
        return found;
      },
      availabilityZones: (of) => ['a', 'b', 'c'].map((zone) => `${of}${zone}`),
    };
  }

  #export(stackName: string, region: string, name: string, value: string): void {
    const key = `${region}:${name}`;
    if (this.#exports.has(key)) throw new Error(`stack '${stackName}': Export with name ${name} is already exported by another stack`);
    this.#exports.set(key, value);
  }

  async #parameter(stackName: string, region: string, name: string, parameter: TemplateParameter): Promise<unknown> {
    const given = parameter.Default;
    if (given === undefined) throw new Error(`stack '${stackName}': Parameters: [${name}] must have values`);
    if (parameter.AllowedValues && !parameter.AllowedValues.map(String).includes(String(given))) {
      throw new Error(`stack '${stackName}': Parameter '${name}' must be one of AllowedValues`);
    }
    if (parameter.Type.startsWith('AWS::SSM::Parameter::Value<')) {
      const value = await this.#ssmValue(region, String(given)).catch((error: unknown) => {
        const message = `stack '${stackName}': Unable to fetch parameters [${String(given)}] from parameter store for this account.`;
        throw new Error(message, { cause: error });
      });
      return parameter.Type.includes('<List<') || parameter.Type.includes('CommaDelimitedList') ? value.split(',') : value;
    }
    const isList = parameter.Type.startsWith('List<') || parameter.Type === 'CommaDelimitedList';
    return isList ? String(given).split(',') : String(given);
  }

  async #ssmValue(region: string, name: string): Promise<string> {
    const answer = (await this.#call('ssm', 'GetParameter', region, { Name: name })) as { Parameter: { Value: string } };
    return answer.Parameter.Value;
  }

  async #dynamic(region: string, reference: DynamicReference): Promise<string> {
    if (reference.service === 'ssm') return this.#ssmValue(region, reference.id);
    const answer = (await this.#call('secretsmanager', 'GetSecretValue', region, {
      SecretId: reference.id,
      ...(reference.versionStage ? { VersionStage: reference.versionStage } : {}),
      ...(reference.versionId ? { VersionId: reference.versionId } : {}),
    })) as { SecretString: string };
    if (reference.jsonKey === undefined) return answer.SecretString;
    const value = (JSON.parse(answer.SecretString) as Record<string, unknown>)[reference.jsonKey];
    if (value === undefined) {
      throw new Error(`Could not find a value associated with JSONKey in SecretString: '${reference.jsonKey}' of ${reference.id}`);
    }
    return typeof value === 'string' ? value : JSON.stringify(value);
  }

  #call(service: string, operation: string, region: string, input: Record<string, unknown>): Promise<unknown> {
    return this.#world.call({ service, operation, region, caller: this.#world.operator.caller, input });
  }

  async #create(making: Making): Promise<DeployedResource> {
    const { stackName, region, logicalId, resource, scope } = making;
    try {
      const resolved = resolve(resource.Properties ?? {}, scope);
      const properties = (await resolveDynamic(resolved, (reference) => this.#dynamic(region, reference))) as Record<string, unknown>;
      // The same in every deployment, so that what was seen of one can be held against another. Roles are of no Region, so it is in here.
      const suffix = createHash('sha256').update(`${region}/${stackName}/${logicalId}`).digest('hex').slice(0, 12).toUpperCase();
      const request: ResourceRequest = {
        type: resource.Type, logicalId, stackName, region, properties,
        generatedName: `${stackName}-${logicalId}-${suffix}`,
      };
      const made = await this.#make(request, making.stackId);
      this.#world.resourceCreated(request, made);
      return { type: resource.Type, ref: made.ref, attributes: made.attributes };
    } catch (error) {
      throw new DeploymentError(stackName, logicalId, resource.Type, error);
    }
  }

  async #make(request: ResourceRequest, stackId: string): Promise<CreatedResource> {
    if (request.type.startsWith('Custom::') || request.type === 'AWS::CloudFormation::CustomResource') {
      return this.#custom(request, stackId);
    }
    const handler = this.#handlers.get(request.type);
    if (!handler) {
      throw new Error(
        `no model knows the resource type ${request.type}; give it to the model of its service in rehearsal/services, ` +
          'or to rehearsal/cloud/inert.ts when nothing in a rehearsal runs on it',
      );
    }
    return handler(request);
  }

  async #custom(request: ResourceRequest, stackId: string): Promise<CreatedResource> {
    const { ServiceToken: functionArn, ServiceTimeout: _timeout, ...own } = request.properties;
    const { url, body } = this.#front.presignedPut();
    const event = {
      RequestType: 'Create',
      RequestId: this.#world.uniqueId(32),
      ResponseURL: url,
      StackId: stackId,
      LogicalResourceId: request.logicalId,
      ResourceType: request.type,
      ServiceToken: functionArn,
      ResourceProperties: { ServiceToken: functionArn, ...(asText(own) as object) },
    };
    await this.#call('lambda', 'Invoke', request.region, {
      FunctionName: functionArn,
      InvocationType: 'Event',
      Payload: new TextEncoder().encode(JSON.stringify(event)),
    });
    const late = this.#world.sleep(customResourceTimeoutMs).then(() => {
      throw new Error(
        `CloudFormation did not receive a response from your Custom Resource within ${customResourceTimeoutMs / 1000} s; ` +
          `see the log of ${String(functionArn)}`,
      );
    });
    late.catch(() => undefined);
    const answer = JSON.parse(await Promise.race([body, late])) as CustomResourceAnswer;
    if (answer.Status !== 'SUCCESS') {
      throw new Error(`Received response status [FAILED] from custom resource. Message returned: ${answer.Reason ?? 'none'}`);
    }
    if (!answer.PhysicalResourceId) throw new Error('Invalid PhysicalResourceId: the custom resource answered without one');
    return { ref: answer.PhysicalResourceId, attributes: answer.Data ?? {} };
  }
}

interface Making {
  readonly stackName: string;
  readonly stackId: string;
  readonly region: string;
  readonly logicalId: string;
  readonly resource: TemplateResource;
  readonly scope: ResolutionScope;
}
interface CustomResourceAnswer {
  readonly Status: 'SUCCESS' | 'FAILED';
  readonly Reason?: string;
  readonly PhysicalResourceId?: string;
  readonly Data?: Record<string, unknown>;
}

/** What could not be created, where, and why. */
export class DeploymentError extends Error {
  constructor(stackName: string, logicalId: string, type: string, cause: unknown) {
    const reason = cause instanceof AwsError ? `${cause.name}: ${cause.message}` : cause instanceof Error ? cause.message : String(cause);
    super(`CREATE_FAILED ${stackName} ${logicalId} (${type}): ${reason}`, { cause });
    this.name = 'DeploymentError';
  }
}

function dependenciesOf(resource: TemplateResource): Set<string> {
  const explicit = typeof resource.DependsOn === 'string' ? [resource.DependsOn] : (resource.DependsOn ?? []);
  return new Set([...referencesIn(resource.Properties), ...explicit]);
}

/** Every resource after those it depends on. */
function inOrder(stackName: string, resources: ReadonlyMap<string, TemplateResource>): Map<string, TemplateResource> {
  const ordered = new Map<string, TemplateResource>();
  const visit = (logicalId: string, above: readonly string[]): void => {
    const resource = resources.get(logicalId);
    if (!resource || ordered.has(logicalId)) return;
    if (above.includes(logicalId)) {
      throw new Error(`stack '${stackName}': Circular dependency between resources: [${[...above, logicalId].join(', ')}]`);
    }
    for (const id of dependenciesOf(resource)) visit(id, [...above, logicalId]);
    ordered.set(logicalId, resource);
  };
  for (const logicalId of resources.keys()) visit(logicalId, []);
  return ordered;
}

/** CloudFormation hands a custom resource its numbers and booleans as text. */
function asText(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asText);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, asText(member)]));
  }
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}
