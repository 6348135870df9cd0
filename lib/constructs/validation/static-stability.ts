/**
 * What a failover may need, docs/decisions/0017-what-a-failover-may-need.md: nothing of another Region, ever; and until trading
 * has moved no control plane, not even of its own Region. Walked from the machine: its definition, its role's policies, the functions
 * that it invokes and theirs, the machines that it starts, and whatever starts it.
 */
import { Stack, type IPolicyValidationContext, type IPolicyValidationPlugin, type PolicyValidationPluginReport } from 'aws-cdk-lib';
import { tradingMoved } from '../../contracts/trading-moved.ts';
import { type Finding, outputsOf, reportOf, resourcesOf, type TemplateResource } from './template.ts';

/**
 * The data planes of the services used: what goes on when nothing can be created, changed or listed (AWS Fault Isolation Boundaries,
 * "Control planes and data planes"). What is not here counts as a control plane's. In lower case, under the names of IAM and of
 * the states language.
 */
const dataPlanes: Readonly<Record<string, readonly string[]>> = {
  cloudwatch: ['getmetricdata', 'getmetricstatistics', 'putmetricdata'],
  dynamodb: ['batchgetitem', 'conditioncheckitem', 'deleteitem', 'getitem', 'putitem', 'query', 'scan', 'updateitem'],
  events: ['putevents'],
  kms: ['decrypt', 'encrypt', 'generatedatakey'],
  lambda: ['invoke', 'invokefunction'],
  logs: ['createlogstream', 'putlogevents'],
  s3: ['getobject', 'putobject'],
  secretsmanager: ['getsecretvalue'],
  sns: ['publish'],
  sqs: ['sendmessage'],
  ssm: ['getparameter'],
  sts: ['assumerole', 'getcalleridentity'],
  xray: ['getsamplingrules', 'getsamplingtargets', 'puttelemetryrecords', 'puttracesegments'],
};

/** What the walk goes through; of all else – tables, topics, buckets – only the name counts that these have for it. */
const walked = new Set([
  'AWS::StepFunctions::StateMachine', 'AWS::Lambda::Function', 'AWS::IAM::Role', 'AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy',
  'AWS::Events::Rule', 'AWS::Scheduler::Schedule', 'AWS::CloudWatch::Alarm',
]);
const anyRegion = /\b[a-z]{2}(?:-gov|-iso[a-z]?)?-(?:north|south|east|west|central|northeast|northwest|southeast|southwest)-\d/g;

interface State {
  readonly Type: string;
  readonly Next?: string;
  readonly Default?: string;
  readonly Choices?: ReadonlyArray<{ readonly Next?: string }>;
  readonly Catch?: ReadonlyArray<{ readonly Next: string }>;
  readonly Resource?: string;
  readonly Arguments?: unknown;
  readonly ItemProcessor?: States;
  readonly Branches?: readonly States[];
}
interface States {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}
interface Statement {
  readonly Effect?: string;
  readonly Action?: string | readonly string[];
}
type Located = TemplateResource & { readonly region: string };

export class StaticStabilityRules implements IPolicyValidationPlugin {
  readonly name = 'Baton static stability';

  validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const deployed = new Deployed(context);
    const failovers = deployed.resources.filter(isFailover);
    return reportOf(failovers.flatMap((machine) => [...namesOfOtherRegions(deployed, machine), ...controlPlanesBefore(deployed, machine)]));
  }
}

function isFailover({ type, properties }: Located): boolean {
  return type === 'AWS::StepFunctions::StateMachine' && String(properties['StateMachineName']).endsWith('-failover');
}

/** The resources of all templates, and what refers to what. */
class Deployed {
  readonly resources: readonly Located[];
  readonly #byLogicalId: ReadonlyMap<string, Located>;
  readonly #byName: ReadonlyMap<string, readonly Located[]>;
  #policies: ReadonlyMap<Located, readonly Located[]> | undefined;
  readonly #outputs = new Map<string, { readonly value: unknown; readonly templatePath: string }>();

  constructor(context: IPolicyValidationContext) {
    const regions = new Map(context.stackTemplates.map(({ templatePath, region = '' }) => [templatePath, region]));
    this.resources = resourcesOf(context).map((resource) => ({ ...resource, region: regions.get(resource.templatePath) ?? '' }));
    this.#byLogicalId = new Map(this.resources.map((resource) => [`${resource.templatePath} ${resource.logicalId}`, resource]));
    this.#byName = Map.groupBy(this.resources, (resource) => `${resource.region} ${nameOf(resource)}`);
    const stacks = new Map(context.appConstruct.node.findAll().filter((each) => Stack.isStack(each)).map((stack) => [stack.node.path, stack.stackName]));
    for (const { templatePath, region = '', stackConstructPath } of context.stackTemplates) {
      for (const { name, value, exportName } of outputsOf(templatePath)) {
        this.#outputs.set(`${region}/${stacks.get(stackConstructPath)}/${name}`, { value, templatePath });
        if (exportName !== undefined) this.#outputs.set(`${region}/${JSON.stringify(exportName)}`, { value, templatePath });
      }
    }
  }

  /** What a value of this resource refers to: in its template, in another's outputs, or by name in its Region. */
  referred(value: unknown, { templatePath, region }: Pick<Located, 'templatePath' | 'region'>): readonly Located[] {
    if (typeof value === 'string') {
      return [...value.matchAll(/:(?:function|stateMachine|role):?\/?([\w-]+)/g)].flatMap(([, name]) => this.#byName.get(`${region} ${name}`) ?? []);
    }
    if (typeof value !== 'object' || value === null) return [];
    if (Array.isArray(value)) return value.flatMap((each) => this.referred(each, { templatePath, region }));
    const object = value as Record<string, unknown>;
    const getAtt = object['Fn::GetAtt'] as readonly string[] | undefined;
    const logicalId = (object['Ref'] as string | undefined) ?? getAtt?.[0];
    if (logicalId !== undefined) {
      const resource = this.#byLogicalId.get(`${templatePath} ${logicalId}`);
      return resource === undefined ? [] : [resource];
    }
    const output = object['Fn::GetStackOutput'] as { readonly StackName: string; readonly Region: string; readonly OutputName: string } | undefined;
    if (output !== undefined) return this.#output(`${output.Region}/${output.StackName}/${output.OutputName}`, output.Region);
    if (object['Fn::ImportValue'] !== undefined) return this.#output(`${region}/${JSON.stringify(object['Fn::ImportValue'])}`, region);
    return Object.values(object).flatMap((each) => this.referred(each, { templatePath, region }));
  }

  #output(key: string, region: string): readonly Located[] {
    const found = this.#outputs.get(key);
    if (found === undefined) throw new Error(`What a failover needs cannot be followed to ${key}: no stack of the app has that output.`);
    return this.referred(found.value, { templatePath: found.templatePath, region });
  }

  refersTo(value: unknown, from: Located, target: Located): boolean {
    return this.referred(value, from).includes(target);
  }

  policiesOf(role: Located): readonly Located[] {
    this.#policies ??= this.#policiesByRole();
    return this.#policies.get(role) ?? [];
  }

  #policiesByRole(): ReadonlyMap<Located, readonly Located[]> {
    const policies = this.resources.filter(({ type }) => /^AWS::IAM::(Managed)?Policy$/.test(type));
    const pairs = policies.flatMap((policy) => [...new Set(this.referred(policy.properties['Roles'], policy))].map((role) => ({ role, policy })));
    return new Map([...Map.groupBy(pairs, ({ role }) => role)].map(([role, each]) => [role, each.map(({ policy }) => policy)]));
  }

  /** The rules that have it as their target, and the functions that may start it, with the rules of those. */
  startersOf(target: Located): readonly Located[] {
    const rules = this.resources.filter((resource) => {
      const { Targets: targets, Target: one, AlarmActions: actions } = resource.properties;
      return this.refersTo([targets, one, actions], resource, target);
    });
    if (target.type !== 'AWS::StepFunctions::StateMachine') return rules;
    const functions = this.resources.filter(({ type }) => type === 'AWS::Lambda::Function').filter((each) =>
      this.referred(each.properties['Role'], each).some((role) => this.policiesOf(role).some((policy) =>
        allowedBy(policy).includes('states:StartExecution') && this.refersTo(policy.properties, policy, target))));
    return [...rules, ...functions.flatMap((each) => [each, ...this.startersOf(each)])];
  }
}

/** Every resource that is walked through, and each string in it. */
function namesOfOtherRegions(deployed: Deployed, machine: Located): Finding[] {
  const found = new Set<Located>();
  const visit = (resource: Located): void => {
    if (found.has(resource) || !walked.has(resource.type)) return;
    found.add(resource);
    const policies = resource.type === 'AWS::IAM::Role' ? deployed.policiesOf(resource) : [];
    for (const next of [...policies, ...deployed.referred(resource.properties, resource)]) visit(next);
  };
  for (const start of [machine, ...deployed.startersOf(machine)]) visit(start);
  return [...found].flatMap((resource) => stringsIn(resource.properties, 'Properties').flatMap(({ text, location }): Finding[] => {
    const [other] = [...text.matchAll(anyRegion)].filter(([name]) => name !== machine.region);
    if (other === undefined) return [];
    const around = text.slice(Math.max(0, other.index - 60), other.index + 60);
    return [{
      rule: 'OwnRegionOnly', resource, location,
      description: `The failover of ${machine.region} stands on ${resource.logicalId}, which names ${other[0]}: '${around}'.`,
      fix: 'Keep to what is in this Region: a failover works when the other one is gone. Planned moves may name both, in machines of their own.',
    }];
  }));
}

/** From the start to the state where trading has moved, on every path. */
function controlPlanesBefore(deployed: Deployed, machine: Located): Finding[] {
  const finding = (rule: string, description: string, fix: string): Finding =>
    ({ rule, description, fix, resource: machine, location: 'Properties.DefinitionString' });
  const references: unknown[] = [];
  const definition = JSON.parse(flattened(machine.properties['DefinitionString'], references)) as States;
  const before = new Map<string, State>();
  if (!statesBefore(definition, tradingMoved, before)) {
    return [finding(
      'TradingMoves', `The failover has no state '${tradingMoved}' that its start leads to.`,
      'Name the state so from which on orders are accepted here, or waiting for them is over (lib/contracts/trading-moved.ts).',
    )];
  }
  return [...before].flatMap(([name, { Resource: task = '', Arguments: given }]) => {
    const [, service = '', action = ''] = /:states:::(?:aws-sdk:)?(\w+):(\w+)/.exec(task) ?? [];
    const used = service === '' ? [] : [{ what: `calls ${service}:${action}`, action: `${service}:${action}` }];
    if (service === 'lambda') {
      const named = stringsIn(given, '').flatMap(({ text }) => {
        const index = /reference:(\d+)/.exec(text)?.[1];
        return deployed.referred(index === undefined ? text : references[Number(index)], machine);
      });
      for (const invoked of named.filter(({ type }) => type === 'AWS::Lambda::Function')) {
        const role = deployed.referred(invoked.properties['Role'], invoked);
        const allowed = role.flatMap((each) => [each, ...deployed.policiesOf(each)]).flatMap(allowedBy);
        used.push(...allowed.map((each) => ({ what: `invokes ${nameOf(invoked)}, which may call ${each}`, action: each })));
      }
    }
    return used.filter((each) => !isOfDataPlane(each.action)).map(({ what }) => finding(
      'DataPlaneOnly', `'${name}' ${what}, and comes before '${tradingMoved}'.`,
      'Have it warm beforehand, or do it afterwards: control planes are what fails and throttles when a Region is lost.',
    ));
  });
}

/** Whether the start leads to it, too. */
function statesBefore({ StartAt, States }: States, last: string, before: Map<string, State>): boolean {
  let reached = false;
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (name === last) reached = true;
    const state = States[name];
    if (name === last || state === undefined || seen.has(name)) return;
    seen.add(name);
    before.set(name, state);
    for (const inner of [...(state.Branches ?? []), ...(state.ItemProcessor ? [state.ItemProcessor] : [])]) {
      reached = statesBefore(inner, last, before) || reached;
    }
    for (const next of [state, ...(state.Choices ?? []), ...(state.Catch ?? [])]) if (next.Next !== undefined) visit(next.Next);
    if (state.Default !== undefined) visit(state.Default);
  };
  visit(StartAt);
  return reached;
}

function isOfDataPlane(action: string): boolean {
  const [service = '', name = ''] = action.toLowerCase().split(':');
  return dataPlanes[service]?.includes(name) ?? false;
}

function allowedBy({ properties }: Located): readonly string[] {
  const inline = (properties['Policies'] ?? []) as ReadonlyArray<{ readonly PolicyDocument: unknown }>;
  return [properties['PolicyDocument'], ...inline.map(({ PolicyDocument }) => PolicyDocument)]
    .flatMap((document) => (document as { Statement?: readonly Statement[] } | undefined)?.Statement ?? [])
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap(({ Action }) => Action ?? []);
}

function nameOf({ properties }: Located): string | undefined {
  return (properties['FunctionName'] ?? properties['StateMachineName'] ?? properties['RoleName']) as string | undefined;
}

function stringsIn(value: unknown, location: string): Array<{ readonly text: string; readonly location: string }> {
  if (typeof value === 'string') return [{ text: value, location }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => stringsIn(each, `${location}.${key}`));
}

/** As CloudFormation would join it, with the number of each reference in its place. */
function flattened(value: unknown, references: unknown[]): string {
  if (typeof value === 'string') return value;
  const join = (value as { 'Fn::Join'?: [string, unknown[]] } | undefined)?.['Fn::Join'];
  if (join !== undefined) return join[1].map((each) => flattened(each, references)).join(join[0]);
  return `reference:${references.push(value) - 1}`;
}
