/**
 * A CloudFormation template, and the resolution of its intrinsic functions and dynamic references.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
 */
export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Record<string, unknown>;
  readonly DependsOn?: string | readonly string[];
  readonly Condition?: string;
  readonly DeletionPolicy?: string;
}
export interface TemplateParameter {
  readonly Type: string;
  readonly Default?: string | number;
  readonly AllowedValues?: readonly (string | number)[];
}
export interface TemplateOutput {
  readonly Description?: string;
  readonly Value: unknown;
  readonly Condition?: string;
  readonly Export?: { readonly Name: unknown };
}
export interface Template {
  readonly Description?: string;
  readonly Parameters?: Record<string, TemplateParameter>;
  readonly Mappings?: Record<string, Record<string, Record<string, unknown>>>;
  readonly Conditions?: Record<string, unknown>;
  readonly Resources?: Record<string, TemplateResource>;
  readonly Outputs?: Record<string, TemplateOutput>;
}

/** Where a template's references lead. */
export interface ResolutionScope {
  readonly template: Template;
  /** `AWS::Region` and the other pseudo parameters, and the template's own, by name. */
  readonly parameters: ReadonlyMap<string, unknown>;
  /** What `Ref` gives of a created resource; `undefined` for an id that is none. */
  ref(logicalId: string): unknown;
  attribute(logicalId: string, name: string): unknown;
  importValue(exportName: string): unknown;
  stackOutput(output: { readonly stackName: string; readonly region: string; readonly outputName: string }): unknown;
  availabilityZones(region: string): readonly string[];
}

export class TemplateError extends Error {
  constructor(message: string) {
    super(`Template error: ${message}`);
    this.name = 'TemplateError';
  }
}

/** `AWS::NoValue`: the property that has it is left out. */
const noValue = Symbol('AWS::NoValue');

type Intrinsic = (argument: unknown, scope: ResolutionScope) => unknown;

const intrinsics: Readonly<Record<string, Intrinsic>> = {
  Ref: (argument, scope) => reference(String(argument), scope),
  'Fn::GetAtt': (argument, scope) => attribute(argument, scope),
  'Fn::Sub': substitute,
  'Fn::Join': (argument, scope) => {
    const [delimiter, parts] = pair('Fn::Join', resolve(argument, scope));
    return list('Fn::Join', parts).map((part) => text('Fn::Join', part)).join(String(delimiter));
  },
  'Fn::Split': (argument, scope) => {
    const [delimiter, source] = pair('Fn::Split', resolve(argument, scope));
    return text('Fn::Split', source).split(String(delimiter));
  },
  'Fn::Select': (argument, scope) => {
    const [index, source] = pair('Fn::Select', resolve(argument, scope));
    const selected = list('Fn::Select', source)[Number(index)];
    if (selected === undefined) throw new TemplateError(`Fn::Select cannot select nonexistent value at index ${String(index)}`);
    return selected;
  },
  'Fn::If': (argument, scope) => {
    const [name, then, otherwise] = list('Fn::If', argument);
    return resolveAny(holds({ Condition: name }, scope) ? then : otherwise, scope);
  },
  'Fn::FindInMap': (argument, scope) => {
    const [map, top, second, options] = list('Fn::FindInMap', resolve(argument, scope));
    const found = scope.template.Mappings?.[String(map)]?.[String(top)]?.[String(second)];
    const fallback = (options as { DefaultValue?: unknown } | undefined)?.DefaultValue;
    if (found === undefined && fallback === undefined) {
      throw new TemplateError(`Unable to get mapping for ${String(map)}::${String(top)}::${String(second)}`);
    }
    return found ?? fallback;
  },
  'Fn::ImportValue': (argument, scope) => scope.importValue(text('Fn::ImportValue', resolve(argument, scope))),
  'Fn::GetStackOutput': (argument, scope) => {
    const { StackName, Region, OutputName } = resolve(argument, scope) as Record<string, string>;
    const region = Region ?? String(scope.parameters.get('AWS::Region'));
    return scope.stackOutput({ stackName: String(StackName), region, outputName: String(OutputName) });
  },
  'Fn::GetAZs': (argument, scope) => {
    const region = text('Fn::GetAZs', resolve(argument, scope));
    return [...scope.availabilityZones(region === '' ? String(scope.parameters.get('AWS::Region')) : region)];
  },
  'Fn::Base64': (argument, scope) => Buffer.from(text('Fn::Base64', resolve(argument, scope))).toString('base64'),
};

/** A value of a template with everything in it resolved. */
export function resolve(value: unknown, scope: ResolutionScope): unknown {
  const resolved = resolveAny(value, scope);
  return resolved === noValue ? undefined : resolved;
}

function resolveAny(value: unknown, scope: ResolutionScope): unknown {
  if (Array.isArray(value)) return value.map((element) => resolveAny(element, scope)).filter((element) => element !== noValue);
  if (!isObject(value)) return value;
  const call = intrinsicCall(value);
  if (call) return call.intrinsic(call.argument, scope);
  const entries = Object.entries(value).map(([key, member]) => [key, resolveAny(member, scope)] as const);
  return Object.fromEntries(entries.filter(([, member]) => member !== noValue));
}

/** Whether a condition, or a function of conditions, holds. */
export function holds(condition: unknown, scope: ResolutionScope, above: readonly string[] = []): boolean {
  const [name, argument] = Object.entries(isObject(condition) ? condition : {})[0] ?? [];
  const operands = (): unknown[] => list(String(name), argument);
  switch (name) {
    case 'Condition': {
      const definition = scope.template.Conditions?.[String(argument)];
      if (definition === undefined) throw new TemplateError(`the condition '${String(argument)}' is not defined`);
      if (above.includes(String(argument))) throw new TemplateError(`conditions depend on each other: ${[...above, argument].join(' → ')}`);
      return holds(definition, scope, [...above, String(argument)]);
    }
    case 'Fn::Equals': {
      const [left, right] = operands().map((operand) => resolve(operand, scope));
      return JSON.stringify(left) === JSON.stringify(right);
    }
    case 'Fn::And':
      return operands().every((operand) => holds(operand, scope, above));
    case 'Fn::Or':
      return operands().some((operand) => holds(operand, scope, above));
    case 'Fn::Not':
      return !holds(operands()[0], scope, above);
    default:
      throw new TemplateError(
        `'${String(name)}' is no condition function; conditions know Condition, Fn::Equals, Fn::And, Fn::Or, Fn::Not`,
      );
  }
}

/** The logical ids that a value refers to, parameters included. */
export function referencesIn(value: unknown): Set<string> {
  const found = new Set<string>();
  const visit = (part: unknown): void => {
    if (Array.isArray(part)) part.forEach(visit);
    if (!isObject(part)) return;
    for (const [key, argument] of Object.entries(part)) {
      if (key === 'Ref' && typeof argument === 'string') found.add(argument);
      else if (key === 'Fn::GetAtt') found.add(attributeParts(argument)[0]);
      else if (key === 'Fn::Sub') for (const name of placeholders(argument)) found.add(name.split('.')[0] as string);
      visit(argument);
    }
  };
  visit(value);
  return found;
}

/** `{{resolve:secretsmanager:<id>:SecretString:<key>:<stage>:<version>}}` and `{{resolve:ssm:<name>:<version>}}`. */
export interface DynamicReference {
  readonly service: 'secretsmanager' | 'ssm';
  readonly id: string;
  readonly jsonKey?: string;
  readonly versionStage?: string;
  readonly versionId?: string;
}

/** Replaces the dynamic references in every string of a resolved value. */
export async function resolveDynamic(value: unknown, look: (reference: DynamicReference) => Promise<string>): Promise<unknown> {
  if (typeof value === 'string') {
    let result = value;
    for (const [whole, body = ''] of value.matchAll(/\{\{resolve:([^{}]+)\}\}/g)) {
      const found = await look(parseDynamic(body));
      result = result.replace(whole, () => found);
    }
    return result;
  }
  if (Array.isArray(value)) return Promise.all(value.map((element) => resolveDynamic(element, look)));
  if (!isObject(value)) return value;
  const entries = await Promise.all(Object.entries(value).map(async ([key, member]) => [key, await resolveDynamic(member, look)] as const));
  return Object.fromEntries(entries);
}

/** `secretsmanager:id[:SecretString[:key[:stage[:version]]]]`; the id may be an ARN, which has colons of its own. */
const secretReference = new RegExp(
  '^secretsmanager:(arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:[^:]+|[^:]+)' +
    '(?::SecretString(?::([^:]*))?(?::([^:]*))?(?::([^:]*))?)?$',
);

function parseDynamic(body: string): DynamicReference {
  const ssm = /^ssm:([^:]+)(?::\d+)?$/.exec(body);
  if (ssm) return { service: 'ssm', id: ssm[1] as string };
  const secret = secretReference.exec(body);
  if (!secret) throw new TemplateError(`the dynamic reference '{{resolve:${body}}}' is not known; secretsmanager and ssm are`);
  const [, id = '', jsonKey, versionStage, versionId] = secret;
  return {
    service: 'secretsmanager',
    id,
    ...(jsonKey ? { jsonKey } : {}),
    ...(versionStage ? { versionStage } : {}),
    ...(versionId ? { versionId } : {}),
  };
}

function intrinsicCall(value: Record<string, unknown>): { readonly intrinsic: Intrinsic; readonly argument: unknown } | undefined {
  const keys = Object.keys(value);
  const [key = ''] = keys;
  if (keys.length !== 1 || !(key === 'Ref' || key.startsWith('Fn::'))) return undefined;
  const intrinsic = intrinsics[key];
  if (!intrinsic) throw new TemplateError(`the intrinsic function ${key} is not modelled; add it to rehearsal/cloud/template.ts`);
  return { intrinsic, argument: value[key] };
}

function reference(name: string, scope: ResolutionScope): unknown {
  if (name === 'AWS::NoValue') return noValue;
  if (scope.parameters.has(name)) return scope.parameters.get(name);
  const found = scope.ref(name);
  if (found === undefined) throw new TemplateError(`Unresolved resource dependencies [${name}]`);
  return found;
}

function attributeParts(argument: unknown): readonly [string, string | Record<string, unknown>] {
  if (Array.isArray(argument)) return [String(argument[0]), argument[1] as string];
  const [logicalId = '', ...name] = String(argument).split('.');
  return [logicalId, name.join('.')];
}

function attribute(argument: unknown, scope: ResolutionScope): unknown {
  const [logicalId, name] = attributeParts(argument);
  const attributeName = String(resolve(name, scope));
  const found = scope.attribute(logicalId, attributeName);
  if (found === undefined) {
    throw new TemplateError(
      `resource ${logicalId} does not support attribute type ${attributeName} in Fn::GetAtt (or its model does not give it)`,
    );
  }
  return found;
}

/** The names in `${…}`, less the literal `${!…}` and those that the map of the long form gives. */
function placeholders(argument: unknown): string[] {
  const [source, own] = Array.isArray(argument) ? (argument as [unknown, Record<string, unknown>]) : [argument, {}];
  return [...String(source).matchAll(/\$\{([^!}][^}]*)\}/g)].map(([, name]) => (name as string).trim()).filter((name) => !(name in own));
}

function substitute(argument: unknown, scope: ResolutionScope): string {
  const [source, map] = Array.isArray(argument) ? (argument as [string, Record<string, unknown>]) : [String(argument), {}];
  return source.replace(/\$\{([^}]*)\}/g, (_whole, inner: string) => {
    if (inner.startsWith('!')) return `\${${inner.slice(1)}}`;
    const name = inner.trim();
    if (name in map) return text('Fn::Sub', resolve(map[name], scope));
    const isAttribute = name.includes('.') && !scope.parameters.has(name);
    return text('Fn::Sub', isAttribute ? attribute(name, scope) : reference(name, scope));
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function list(name: string, value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new TemplateError(`${name} wants a list, got ${JSON.stringify(value)}`);
  return value;
}

function pair(name: string, value: unknown): readonly [unknown, unknown] {
  const [first, second, ...more] = list(name, value);
  if (second === undefined || more.length > 0) throw new TemplateError(`${name} wants two arguments, got ${JSON.stringify(value)}`);
  return [first, second];
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TemplateError(`${name} wants text, got ${JSON.stringify(value)}`);
}
