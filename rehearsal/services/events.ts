/**
 * EventBridge: rules on each Region's default bus. What the services emit is matched against every rule of its
 * Region, and a rule that matches invokes its targets as the service `events.amazonaws.com`, with the retries that
 * the target asks for.
 */
import { AwsError, awsService, type OperationHandler, type ServiceModel } from '../cloud/model.ts';
import type { CloudWorld } from '../cloud/world.ts';
import { checkPattern, matches } from './events-pattern.ts';
import { pageOf } from './pages.ts';

interface Target {
  readonly Id: string;
  readonly Arn: string;
  readonly Input?: string;
  readonly InputPath?: string;
  readonly InputTransformer?: { readonly InputPathsMap?: Record<string, string>; readonly InputTemplate: string };
  readonly RetryPolicy?: { readonly MaximumRetryAttempts?: number };
}
interface Rule {
  readonly name: string;
  readonly arn: string;
  readonly region: string;
  readonly enabled: boolean;
  readonly description: string | undefined;
  readonly pattern: Record<string, unknown>;
  readonly targets: readonly Target[];
}
interface ListInput {
  readonly NamePrefix?: string;
  readonly Rule?: string;
  readonly Limit?: number;
  readonly NextToken?: string;
}
interface PutEventsInput {
  readonly Entries: ReadonlyArray<{
    readonly Source?: string;
    readonly DetailType?: string;
    readonly Detail?: string;
    readonly Resources?: string[];
  }>;
}

/** EventBridge retries for up to a day; here a handful of tries in real time, as many as the target allows. */
const attemptsMax = 5;
const retryBaseMs = 200;
const pageMax = 100;

export function events(world: CloudWorld): ServiceModel {
  const rules: Rule[] = [];

  world.onBusEvent((event) => {
    const envelope = {
      version: '0',
      id: event.id,
      'detail-type': event.detailType,
      source: event.source,
      account: world.accountId,
      time: event.time.toISOString().replace(/\.\d{3}Z$/, 'Z'),
      region: event.region,
      resources: event.resources,
      detail: event.detail,
    };
    for (const rule of rules) {
      if (!rule.enabled || rule.region !== event.region || !matches(rule.pattern, envelope)) continue;
      for (const target of rule.targets) {
        deliver(rule, target, envelope).catch((error: unknown) => {
          world.log(`rule ${rule.name} gave up on its target ${target.Id}`, { error: String(error) });
        });
      }
    }
  });

  async function deliver(rule: Rule, target: Target, envelope: Record<string, unknown>): Promise<void> {
    const attempts = Math.min(attemptsMax, (target.RetryPolicy?.MaximumRetryAttempts ?? attemptsMax) + 1);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await world.call({
          service: 'lambda',
          operation: 'Invoke',
          region: rule.region,
          caller: awsService('events.amazonaws.com', rule.arn),
          input: { FunctionName: target.Arn, InvocationType: 'Event', Payload: new TextEncoder().encode(payload(target, envelope)) },
        });
        return;
      } catch (error) {
        if (attempt >= attempts) throw error;
        await world.sleep(retryBaseMs * 2 ** (attempt - 1));
      }
    }
  }

  function ruleOf(name: string, region: string): Rule {
    const found = rules.find((rule) => rule.region === region && rule.name === name);
    if (!found) throw new AwsError('ResourceNotFoundException', `Rule ${name} does not exist on EventBus default.`);
    return found;
  }

  const shown = ({ name, arn, enabled, description, pattern }: Rule): Record<string, unknown> => ({
    Name: name, Arn: arn, State: enabled ? 'ENABLED' : 'DISABLED', Description: description, EventPattern: JSON.stringify(pattern), EventBusName: 'default',
  });

  const putEvents: OperationHandler = ({ Entries }: PutEventsInput, { region }) => {
    const answers = Entries.map(({ Source, DetailType, Detail, Resources }) => {
      if (!Source || !DetailType || Detail === undefined) {
        return {
          ErrorCode: 'InvalidArgument',
          ErrorMessage: 'Parameter Source, DetailType and Detail are required. Reason: one is not specified.',
        };
      }
      if (Source.startsWith('aws.'))
        return { ErrorCode: 'NotAuthorizedForSourceException', ErrorMessage: 'Not authorized for the source.' };
      world.emit({
        source: Source,
        detailType: DetailType,
        region,
        resources: Resources ?? [],
        detail: JSON.parse(Detail) as Record<string, unknown>,
      });
      return { EventId: world.uniqueId(32) };
    });
    return { FailedEntryCount: answers.filter((answer) => 'ErrorCode' in answer).length, Entries: answers };
  };

  return {
    service: 'events',
    operations: {
      PutEvents: putEvents,
      ListRules: ({ NamePrefix = '', Limit, NextToken }: ListInput, { region }) => {
        const here = rules.filter((rule) => rule.region === region && rule.name.startsWith(NamePrefix));
        const { elements, next } = pageOf(here, { token: NextToken, size: Limit, sizeMax: pageMax, keyOf: ({ name }) => name });
        return { Rules: elements.map(shown), NextToken: next };
      },
      DescribeRule: ({ Name }: { Name: string }, { region }) => ({ ...shown(ruleOf(Name, region)), CreatedBy: world.accountId }),
      ListTargetsByRule: ({ Rule: name = '', Limit, NextToken }: ListInput, { region }) => {
        const { targets } = ruleOf(name, region);
        const { elements, next } = pageOf(targets, { token: NextToken, size: Limit, sizeMax: pageMax, keyOf: ({ Id }) => Id });
        return { Targets: elements, NextToken: next };
      },
    },
    resources: {
      'AWS::Events::Rule': ({ properties, generatedName, region }) => {
        if (properties['ScheduleExpression'] !== undefined) {
          throw new AwsError('ValidationException', 'rules on a schedule are not modelled: nothing would run them; rules on a pattern are');
        }
        const pattern: unknown = properties['EventPattern'];
        checkPattern(pattern);
        const targets = (properties['Targets'] ?? []) as readonly Target[];
        const other = targets.find(({ Arn }) => !Arn.startsWith('arn:aws:lambda:'));
        if (other) throw new AwsError('ValidationException', `the target ${other.Arn} of a rule is not modelled: Lambda functions are`);
        const name = String(properties['Name'] ?? generatedName);
        const arn = `arn:aws:events:${region}:${world.accountId}:rule/${name}`;
        rules.push({ name, arn, region, enabled: properties['State'] !== 'DISABLED', description: properties['Description'], pattern, targets });
        return { ref: name, attributes: { Arn: arn } };
      },
    },
  };
}

function payload(target: Target, envelope: Record<string, unknown>): string {
  if (target.Input !== undefined) return target.Input;
  if (target.InputPath !== undefined) return JSON.stringify(at(target.InputPath, envelope));
  if (!target.InputTransformer) return JSON.stringify(envelope);
  const { InputPathsMap = {}, InputTemplate } = target.InputTransformer;
  // A placeholder within quotes takes the bare text, elsewhere the value as JSON.
  return InputTemplate.replace(/<([^<>\s]+)>/g, (whole, name: string, offset: number) => {
    const path = InputPathsMap[name];
    if (path === undefined) return whole;
    const value = at(path, envelope);
    const quotesBefore = (InputTemplate.slice(0, offset).match(/(?<!\\)"/g) ?? []).length;
    if (quotesBefore % 2 === 0) return JSON.stringify(value ?? null);
    return typeof value === 'string' ? JSON.stringify(value).slice(1, -1) : JSON.stringify(value ?? '');
  });
}

/** `$.detail.name` */
function at(path: string, envelope: Record<string, unknown>): unknown {
  return path
    .split('.')
    .slice(1)
    .reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], envelope);
}
