/**
 * EventBridge: rules on each Region's default bus. What the services emit is matched against every rule of its
 * Region, and a rule that matches calls its targets, with the retries that the target asks for: a function as the service
 * `events.amazonaws.com`, a state machine or the bus of another Region with the role of the target. A rule with a rate
 * calls them as often, on the compressed clock; one that comes once an hour or less often comes when somebody says so
 * (`comesDue`): no rehearsal lasts for hours, and what it does in between would disturb what is measured.
 */
import { compressedMs } from '../clock.ts';
import { AwsError, awsService, type BusEvent, type OperationHandler, type ServiceModel } from '../cloud/model.ts';
import type { CloudWorld } from '../cloud/world.ts';
import { checkPattern, matches } from './events-pattern.ts';
import { pageOf } from './pages.ts';

interface Target {
  readonly Id: string;
  readonly Arn: string;
  readonly RoleArn?: string;
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
  /** A pattern of events, or a rate. */
  readonly pattern?: Record<string, unknown>;
  readonly schedule?: string;
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

export interface Events extends ServiceModel {
  /** The next time of a rule with a schedule is now, or another one that it says it is. */
  comesDue(region: string, ruleName: string, time?: Date): void;
}

/** A rule that comes less often than so comes by hand. */
const seldomSeconds = 3600;

/** EventBridge retries for up to a day; here a handful of tries in real time, as many as the target allows. */
const attemptsMax = 5;
const retryBaseMs = 200;
const pageMax = 100;

export function events(world: CloudWorld): Events {
  const rules: Rule[] = [];
  const schedules = new Set<NodeJS.Timeout>();

  world.onBusEvent((event) => {
    const bus = event.sentTo ?? event.region;
    const envelope: Envelope = {
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
      if (!rule.enabled || rule.region !== bus || rule.pattern === undefined || !matches(rule.pattern, envelope)) continue;
      // What came from another bus goes to no third one.
      const targets = rule.targets.filter(({ Arn }) => event.sentTo === undefined || kindOf(Arn) !== 'bus');
      deliverAll({ ...rule, targets }, envelope, event);
    }
  });

  function deliverAll(rule: Rule, envelope: Envelope, event?: BusEvent): void {
    for (const target of rule.targets) {
      deliver(rule, target, envelope, event).catch((error: unknown) => {
        world.log(`rule ${rule.name} gave up on its target ${target.Id}`, { error: String(error) });
      });
    }
  }

  /** One attempt. */
  async function callTarget(rule: Rule, target: Target, envelope: Envelope, event: BusEvent | undefined): Promise<void> {
    const { Arn, RoleArn } = target;
    const kind = kindOf(Arn);
    if (kind === 'function') {
      await world.call({
        service: 'lambda',
        operation: 'Invoke',
        region: rule.region,
        caller: awsService('events.amazonaws.com', rule.arn),
        input: { FunctionName: Arn, InvocationType: 'Event', Payload: new TextEncoder().encode(payload(target, envelope)) },
      });
      return;
    }
    if (RoleArn === undefined || !world.mayAssume(RoleArn, 'events.amazonaws.com', rule.arn)) {
      throw new AwsError('AccessDeniedException', `EventBridge cannot assume the role ${RoleArn ?? 'of the target, which names none'}`);
    }
    const caller = world.callerFor(RoleArn);
    if (kind === 'machine') {
      const input = { stateMachineArn: Arn, name: `${envelope.id}_${target.Id}`.slice(0, 80), input: payload(target, envelope) };
      await world.call({ service: 'states', operation: 'StartExecution', region: rule.region, caller, input });
    } else if (event !== undefined) {
      const region = Arn.split(':')[3] ?? '';
      world.authorize({ caller, region, service: 'events' }, [{ action: 'events:PutEvents', resource: Arn }]);
      world.emit({ ...event, sentTo: region });
    }
  }

  function come(rule: Rule, time = world.now()): void {
    // As events of its bus do not: they are not kept for when it is back.
    if (world.outageOf(rule.region) !== undefined) return;
    const envelope: Envelope = {
      version: '0', id: eventId(), 'detail-type': 'Scheduled Event', source: 'aws.events', account: world.accountId,
      time: time.toISOString().replace(/\.\d{3}Z$/, 'Z'), region: rule.region, resources: [rule.arn], detail: {},
    };
    deliverAll(rule, envelope);
  }

  /** Its first time is one interval from now. */
  function schedule(rule: Rule): void {
    const seconds = rateSeconds(rule.schedule ?? '');
    if (seconds < seldomSeconds) schedules.add(setInterval(() => come(rule), compressedMs(seconds)));
  }

  const eventId = (): string => world.uniqueId(32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

  async function deliver(rule: Rule, target: Target, envelope: Envelope, event?: BusEvent): Promise<void> {
    const attempts = Math.min(attemptsMax, (target.RetryPolicy?.MaximumRetryAttempts ?? attemptsMax) + 1);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await callTarget(rule, target, envelope, event);
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

  const shown = ({ name, arn, enabled, description, pattern, schedule: ScheduleExpression }: Rule): Record<string, unknown> => ({
    Name: name, Arn: arn, State: enabled ? 'ENABLED' : 'DISABLED', Description: description, EventBusName: 'default',
    ...(pattern !== undefined && { EventPattern: JSON.stringify(pattern) }), ...(ScheduleExpression !== undefined && { ScheduleExpression }),
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
        const expression = properties['ScheduleExpression'] as string | undefined;
        const pattern: unknown = properties['EventPattern'];
        if (expression === undefined) checkPattern(pattern);
        else rateSeconds(expression);
        const targets = (properties['Targets'] ?? []) as readonly Target[];
        for (const { Arn } of targets) kindOf(Arn);
        const name = String(properties['Name'] ?? generatedName);
        const arn = `arn:aws:events:${region}:${world.accountId}:rule/${name}`;
        const rule: Rule = {
          name, arn, region, enabled: properties['State'] !== 'DISABLED', description: properties['Description'], targets,
          ...(expression === undefined ? { pattern: pattern as Record<string, unknown> } : { schedule: expression }),
        };
        rules.push(rule);
        if (expression !== undefined && rule.enabled) schedule(rule);
        return { ref: name, attributes: { Arn: arn } };
      },
    },
    comesDue(region, ruleName, time) {
      const rule = ruleOf(ruleName, region);
      if (rule.schedule === undefined) throw new Error(`the rule ${ruleName} has no schedule: it waits for events`);
      if (rule.enabled) come(rule, time);
    },
    async close() {
      for (const timer of schedules) clearInterval(timer);
    },
  };
}

interface Envelope extends Record<string, unknown> {
  readonly id: string;
}

/** What a target is; others are not modelled. */
function kindOf(arn: string): 'function' | 'machine' | 'bus' {
  if (arn.startsWith('arn:aws:lambda:')) return 'function';
  if (/^arn:aws:states:[^:]+:\d+:stateMachine:/.test(arn)) return 'machine';
  if (/^arn:aws:events:[^:]+:\d+:event-bus\/default$/.test(arn)) return 'bus';
  throw new AwsError('ValidationException', `the target ${arn} of a rule is not modelled: functions, state machines and default buses are`);
}

/** How often a rule comes; a time of day is seldom enough to come by hand. */
function rateSeconds(expression: string): number {
  // Minutes, hours, day of the month, month, day of the week, year; one of the two days is a question mark.
  if (/^cron\([\d*,/-]+ [\d*,/-]+ (\? [\w*,/-]+ [\w*,/#-]+|[\w*,/-]+ [\w*,/-]+ \?) [\d*,/-]+\)$/.test(expression)) return seldomSeconds;
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const seconds = { minute: 60, hour: 3600, day: 86_400 }[unit ?? ''];
  if (seconds === undefined) throw new AwsError('ValidationException', `the schedule '${expression}' is not modelled: rate(1 minute) and cron(0 6 1 * ? *) are`);
  return Number(count) * seconds;
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
