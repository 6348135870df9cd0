/**
 * EventBridge Scheduler: schedules in groups, each with one target that it calls with the role that it was given. A single time, and
 * a rate of less than an hour, go by the compressed clock. What comes less often, or at an hour of the day (`cron`), comes when a
 * rehearsal lets it: its hour would come, or not, by the hour at which the rehearsal was started.
 * API reference: https://docs.aws.amazon.com/scheduler/latest/APIReference/
 */
import { IANAZone } from 'luxon';
import { compressedMs } from '../clock.ts';
import { AwsError, type Call, type ServiceModel, type World } from '../cloud/model.ts';
import { pageOf } from './pages.ts';
import { nextTime, parseSchedule, type Schedule } from './schedule-expression.ts';

export interface SchedulerModel extends ServiceModel {
  /** When a schedule comes next, on AWS's clock; undefined when there is none such, or it is over or disabled. */
  nextTimeOf(region: string, name: string, group?: string): Date | undefined;
  /** Its time has come: settles when its target was called, or was given up. */
  comesDue(region: string, name: string, group?: string): Promise<void>;
}

interface Target {
  readonly Arn: string;
  readonly RoleArn: string;
  readonly Input?: string;
  readonly RetryPolicy?: { readonly MaximumRetryAttempts?: number; readonly MaximumEventAgeInSeconds?: number };
  readonly DeadLetterConfig?: { readonly Arn?: string };
}
/** What is created and updated: everything that is not said has its default, also in an update. */
interface ScheduleInput {
  readonly Name: string;
  readonly GroupName?: string;
  readonly ScheduleExpression: string;
  readonly ScheduleExpressionTimezone?: string;
  readonly State?: 'ENABLED' | 'DISABLED';
  readonly Description?: string;
  readonly StartDate?: Date | string;
  readonly EndDate?: Date | string;
  readonly FlexibleTimeWindow: { readonly Mode: 'OFF' | 'FLEXIBLE'; readonly MaximumWindowInMinutes?: number };
  readonly Target: Target;
  readonly ActionAfterCompletion?: 'NONE' | 'DELETE';
  readonly ClientToken?: string;
  readonly KmsKeyArn?: string;
}
interface Scheduled {
  readonly arn: string;
  readonly region: string;
  readonly group: string;
  readonly name: string;
  readonly input: ScheduleInput;
  readonly schedule: Schedule;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
  /** Of a single time. */
  done: boolean;
  timer?: NodeJS.Timeout;
}
interface Group {
  readonly arn: string;
  readonly region: string;
  readonly name: string;
  readonly createdAt: Date;
}
interface Named {
  readonly Name: string;
  readonly GroupName?: string;
  readonly ClientToken?: string;
}
interface ListInput {
  readonly GroupName?: string;
  readonly NamePrefix?: string;
  readonly State?: string;
  readonly MaxResults?: number;
  readonly NextToken?: string;
}

const defaultGroup = 'default';
const namePattern = /^[0-9a-zA-Z-_.]{1,64}$/;
const pageMax = 100;
/** The scheduler retries up to 185 times in a day; here a handful of tries in real time, as many as the target allows. */
const attemptsMax = 5;
const retryBaseMs = 200;
/** A rate of an hour or more would come in the midst of what it has nothing to do with. */
const byHandFromSeconds = 3600;
/** The longest that a timer can wait; what is later comes when a rehearsal lets it. */
const timerMsMax = 2 ** 31 - 1;

export function scheduler(world: World): SchedulerModel {
  const schedules = new Map<string, Scheduled>();
  const groups = new Map<string, Group>();
  let closed = false;

  const arnOf = (region: string, kind: 'schedule' | 'schedule-group', name: string): string => `arn:aws:scheduler:${region}:${world.accountId}:${kind}/${name}`;
  const keyOf = (region: string, { Name, GroupName = defaultGroup }: Named): string => arnOf(region, 'schedule', `${GroupName}/${Name}`);

  function groupOf(region: string, name: string): Group {
    const arn = arnOf(region, 'schedule-group', name);
    const group = groups.get(arn) ?? (name === defaultGroup ? { arn, region, name, createdAt: world.now() } : undefined);
    if (group === undefined) throw new AwsError('ResourceNotFoundException', `Schedule group ${name} does not exist.`);
    return group;
  }

  function scheduleOf(region: string, named: Named): Scheduled {
    const found = schedules.get(keyOf(region, named));
    if (found === undefined) throw new AwsError('ResourceNotFoundException', `Schedule ${named.Name} does not exist.`);
    return found;
  }

  function put(input: ScheduleInput, region: string, before?: Scheduled): Scheduled {
    const { Name, GroupName: group = defaultGroup, ScheduleExpression, ScheduleExpressionTimezone: zone = 'UTC', Target: target, FlexibleTimeWindow: window } = input;
    if (!namePattern.test(Name)) throw invalid(`Value '${Name}' at 'name' failed to satisfy constraint: [0-9a-zA-Z-_.]+, at most 64 characters`);
    const { arn: groupArn } = groupOf(region, group);
    const schedule = parseSchedule(ScheduleExpression);
    if (schedule === undefined) throw invalid(`Invalid Schedule Expression ${ScheduleExpression}.`);
    if (!IANAZone.isValidZone(zone)) throw invalid(`Provided Schedule Expression Timezone ${zone} is not valid.`);
    if (schedule.kind === 'at' && nextTime(schedule, world.now(), zone) === undefined) throw invalid('The schedule expression of a one-time schedule must be in the future.');
    if ((window.Mode === 'FLEXIBLE') !== (window.MaximumWindowInMinutes !== undefined)) {
      throw invalid('A flexible time window has MaximumWindowInMinutes, and one that is OFF has none.');
    }
    targetKind(target.Arn);
    if (!world.mayAssume(target.RoleArn, 'scheduler.amazonaws.com', groupArn)) {
      throw invalid('The execution role you provide must allow AWS EventBridge Scheduler to assume the role.');
    }
    const arn = keyOf(region, input);
    const scheduled: Scheduled = {
      arn, region, group, name: Name, schedule, input: { ...input, GroupName: group, ScheduleExpressionTimezone: zone },
      createdAt: before?.createdAt ?? world.now(), modifiedAt: world.now(), done: false,
    };
    if (before !== undefined) stop(before);
    schedules.set(arn, scheduled);
    start(scheduled);
    return scheduled;
  }

  function stop({ timer }: Scheduled): void {
    clearTimeout(timer);
  }

  function start(scheduled: Scheduled): void {
    const { schedule, input } = scheduled;
    if (input.State === 'DISABLED' || closed) return;
    if (schedule.kind === 'rate') {
      // Without a start date it begins at once.
      const startsInMs = input.StartDate === undefined ? 0 : new Date(input.StartDate).getTime() - world.now().getTime();
      const again = (): void => {
        comeLoudly(scheduled);
        if (schedule.seconds < byHandFromSeconds) scheduled.timer = setTimeout(again, compressedMs(schedule.seconds));
      };
      scheduled.timer = setTimeout(again, startsInMs <= 0 ? 0 : compressedMs(startsInMs / 1000));
    } else if (schedule.kind === 'at') {
      const inSeconds = ((nextTimeFor(scheduled)?.getTime() ?? 0) - world.now().getTime()) / 1000;
      const waitMs = compressedMs(inSeconds);
      if (waitMs <= timerMsMax) scheduled.timer = setTimeout(() => comeLoudly(scheduled), waitMs);
    }
  }

  function nextTimeFor({ schedule, input, done }: Scheduled): Date | undefined {
    if (done || input.State === 'DISABLED') return undefined;
    const next = nextTime(schedule, world.now(), input.ScheduleExpressionTimezone ?? 'UTC');
    const end = input.EndDate === undefined ? undefined : new Date(input.EndDate);
    return next !== undefined && end !== undefined && next > end ? undefined : next;
  }

  /** By its timer: nobody waits for it. */
  function comeLoudly(scheduled: Scheduled): void {
    come(scheduled).catch((error: unknown) => {
      if (!closed) world.log(`the schedule ${scheduled.name} failed inside the model`, { error: String(error) });
    });
  }

  async function come(scheduled: Scheduled): Promise<void> {
    await world.whenBack(scheduled.region);
    if (schedules.get(scheduled.arn) !== scheduled || scheduled.done) return;
    const once = scheduled.schedule.kind === 'at';
    if (once) {
      stop(scheduled);
      scheduled.done = true;
    }
    world.log(`the schedule ${scheduled.name} calls its target`, { region: scheduled.region, target: scheduled.input.Target.Arn });
    await deliver(scheduled);
    // After its only call, and also when that was given up.
    if (once && scheduled.input.ActionAfterCompletion === 'DELETE' && schedules.get(scheduled.arn) === scheduled) schedules.delete(scheduled.arn);
  }

  async function deliver(scheduled: Scheduled): Promise<void> {
    const { RetryPolicy, DeadLetterConfig, Input } = scheduled.input.Target;
    const attempts = Math.min(attemptsMax, (RetryPolicy?.MaximumRetryAttempts ?? attemptsMax) + 1);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await callTarget(scheduled, attempt);
      } catch (error) {
        if (closed) return;
        if (attempt < attempts) {
          await world.sleep(retryBaseMs * 2 ** (attempt - 1));
          continue;
        }
        world.log(`the schedule ${scheduled.name} gave up on its target`, { error: String(error), attempts });
        if (DeadLetterConfig?.Arn !== undefined) await leave(scheduled, DeadLetterConfig.Arn, Input ?? '{}');
        return;
      }
    }
  }

  /** One attempt, with the permissions of the schedule's role. */
  async function callTarget(scheduled: Scheduled, attempt: number): Promise<void> {
    const { name, region, group, input: { Target: target } } = scheduled;
    if (!world.mayAssume(target.RoleArn, 'scheduler.amazonaws.com', arnOf(region, 'schedule-group', group))) {
      throw new AwsError('AccessDeniedException', `EventBridge Scheduler cannot assume the role ${target.RoleArn} of the schedule ${name}`);
    }
    const caller = world.callerFor(target.RoleArn);
    const text = withContext(target.Input ?? '{}', scheduled, attempt);
    if (targetKind(target.Arn) === 'machine') {
      await world.call({ service: 'states', operation: 'StartExecution', region, caller, input: { stateMachineArn: target.Arn, input: text } });
      return;
    }
    const input = { FunctionName: target.Arn, InvocationType: 'Event', Payload: new TextEncoder().encode(text) };
    await world.call({ service: 'lambda', operation: 'Invoke', region, caller, input });
  }

  /** The keywords of a payload that AWS replaces when it calls the target (User Guide, "Adding context attributes"). */
  function withContext(text: string, { arn, schedule, input }: Scheduled, attempt: number): string {
    const zone = input.ScheduleExpressionTimezone ?? 'UTC';
    const at = (schedule.kind === 'at' ? nextTime(schedule, new Date(0), zone) : undefined) ?? world.now();
    return text
      .replaceAll('<aws.scheduler.scheduled-time>', `${at.toISOString().slice(0, 19)}Z`)
      .replaceAll('<aws.scheduler.schedule-arn>', arn)
      .replaceAll('<aws.scheduler.attempt-number>', String(attempt))
      .replaceAll('<aws.scheduler.execution-id>', () => world.uniqueId(16));
  }

  async function leave({ name, region, input }: Scheduled, queueArn: string, MessageBody: string): Promise<void> {
    const [, , , queueRegion = region, account, queue] = queueArn.split(':');
    const QueueUrl = `https://sqs.${queueRegion}.amazonaws.com/${account}/${queue}`;
    try {
      await world.call({ service: 'sqs', operation: 'SendMessage', region: queueRegion, caller: world.callerFor(input.Target.RoleArn), input: { QueueUrl, MessageBody } });
    } catch (error) {
      world.log(`the schedule ${name} could not leave its event in ${queueArn}`, { error: String(error) });
    }
  }

  const create = (input: ScheduleInput, { region }: Pick<Call, 'region'>): { readonly ScheduleArn: string } => {
    const before = schedules.get(keyOf(region, input));
    if (before !== undefined && input.ClientToken !== undefined && before.input.ClientToken === input.ClientToken) return { ScheduleArn: before.arn };
    if (before !== undefined) throw new AwsError('ConflictException', `Schedule ${input.Name} already exists.`);
    return { ScheduleArn: put(input, region).arn };
  };

  function createGroup(Name: string, region: string): Group {
    const arn = arnOf(region, 'schedule-group', Name);
    if (groups.has(arn) || Name === defaultGroup) throw new AwsError('ConflictException', `Schedule group ${Name} already exists.`);
    if (!namePattern.test(Name)) throw invalid(`Value '${Name}' at 'name' failed to satisfy constraint: [0-9a-zA-Z-_.]+, at most 64 characters`);
    const group: Group = { arn, region, name: Name, createdAt: world.now() };
    groups.set(arn, group);
    return group;
  }
  const shownGroup = ({ arn, name, createdAt }: Group): Record<string, unknown> => ({ Arn: arn, Name: name, State: 'ACTIVE', CreationDate: createdAt, LastModificationDate: createdAt });

  return {
    service: 'scheduler',
    operations: {
      CreateSchedule: create,
      UpdateSchedule: (input: ScheduleInput, { region }) => ({ ScheduleArn: put(input, region, scheduleOf(region, input)).arn }),
      GetSchedule: (named: Named, { region }) => {
        const { arn, input, createdAt, modifiedAt } = scheduleOf(region, named);
        const { ClientToken: _token, ...shown } = input;
        return { State: 'ENABLED', ActionAfterCompletion: 'NONE', ...shown, Arn: arn, CreationDate: createdAt, LastModificationDate: modifiedAt };
      },
      DeleteSchedule: (named: Named, { region }) => {
        const found = scheduleOf(region, named);
        stop(found);
        schedules.delete(found.arn);
        return {};
      },
      ListSchedules: ({ GroupName, NamePrefix = '', State, MaxResults, NextToken }: ListInput, { region }) => {
        if (GroupName !== undefined) groupOf(region, GroupName);
        const found = [...schedules.values()].filter(
          (each) => each.region === region && each.name.startsWith(NamePrefix) && (GroupName ?? each.group) === each.group && (State ?? each.input.State ?? 'ENABLED') === (each.input.State ?? 'ENABLED'),
        );
        const { elements, next } = pageOf(found, { token: NextToken, size: MaxResults, sizeMax: pageMax, keyOf: ({ arn }) => arn });
        const shown = elements.map(({ arn, name, group, input, createdAt, modifiedAt }) => ({
          Arn: arn, Name: name, GroupName: group, State: input.State ?? 'ENABLED', Target: { Arn: input.Target.Arn }, CreationDate: createdAt, LastModificationDate: modifiedAt,
        }));
        return { Schedules: shown, NextToken: next };
      },
      CreateScheduleGroup: ({ Name }: Named, { region }) => ({ ScheduleGroupArn: createGroup(Name, region).arn }),
      GetScheduleGroup: ({ Name }: Named, { region }) => shownGroup(groupOf(region, Name)),
      ListScheduleGroups: ({ NamePrefix = '', MaxResults, NextToken }: ListInput, { region }) => {
        const all = [groupOf(region, defaultGroup), ...groups.values()].filter((group) => group.region === region && group.name.startsWith(NamePrefix));
        const { elements, next } = pageOf(all, { token: NextToken, size: MaxResults, sizeMax: pageMax, keyOf: ({ arn }) => arn });
        return { ScheduleGroups: elements.map(shownGroup), NextToken: next };
      },
    },
    resources: {
      'AWS::Scheduler::ScheduleGroup': ({ properties, generatedName, region }) => {
        const { arn, name } = createGroup(String(properties['Name'] ?? generatedName.slice(-64)), region);
        return { ref: name, attributes: { Arn: arn, State: 'ACTIVE' } };
      },
      'AWS::Scheduler::Schedule': ({ properties, generatedName, region }) => {
        const input = { ...properties, Name: String(properties['Name'] ?? generatedName.slice(-64)) } as unknown as ScheduleInput;
        const { ScheduleArn } = create(input, { region });
        return { ref: input.Name, attributes: { Arn: ScheduleArn } };
      },
    },
    nextTimeOf: (region, Name, GroupName) => {
      const found = schedules.get(keyOf(region, { Name, ...(GroupName !== undefined && { GroupName }) }));
      return found && nextTimeFor(found);
    },
    async comesDue(region, Name, GroupName) {
      const found = scheduleOf(region, { Name, ...(GroupName !== undefined && { GroupName }) });
      if (found.input.State === 'DISABLED') throw new Error(`the schedule ${Name} is disabled: its time never comes`);
      await come(found);
    },
    async close() {
      closed = true;
      for (const scheduled of schedules.values()) stop(scheduled);
    },
  };
}

/** What a target is; others are not modelled. */
function targetKind(arn: string): 'function' | 'machine' {
  if (arn.startsWith('arn:aws:lambda:')) return 'function';
  if (/^arn:aws:states:[^:]+:\d+:stateMachine:/.test(arn)) return 'machine';
  throw invalid(`the target ${arn} of a schedule is not modelled: functions and state machines are`);
}

function invalid(message: string): AwsError {
  return new AwsError('ValidationException', message);
}
