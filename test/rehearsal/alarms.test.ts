/**
 * Every alarm of the synthesized system rings for its cause, and tells its topic: wrong input at each machine, each function
 * broken, each metric beyond its threshold. What somebody typed wrong rings no alarm of a function.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyTroubles } from '../../lib/contracts/key-watch.ts';
import { page } from '../../lib/contracts/page.ts';
import { AwsError } from '../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../rehearsal/cloud/world.ts';
import { openInstallation, type Installation } from '../../rehearsal/installation.ts';
import { ruleOf, stateAt, type AlarmRule, type AlarmState } from '../../rehearsal/services/alarm-rule.ts';
import { monitoring, type Monitoring } from '../../rehearsal/services/monitoring.ts';
import { statesModel } from '../../rehearsal/services/states.ts';
import { installationOf } from './installed.ts';
import { until } from '../until.ts';

/** Machines that a schedule starts with nothing. */
const withoutInput = /-(cache-snapshot|drill-leftovers)-failed$/;
/** Counts what is still there: after so many minutes, or hours, of nothing it rings. The others ring for what they count. */
const ofLiveness = /(region-watch-(stale|failed)|credentials-not-[a-z]+|keys-unwatched|backup-verification-overdue)$/;

interface Alarm extends Readonly<Record<string, unknown>> {
  readonly AlarmName: string;
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions: ReadonlyArray<{ readonly Name: string; readonly Value: string }>;
  readonly StateValue: string;
}

describe('an alarm is judged', () => {
  const minute = 60_000;
  const nowMs = 1000 * minute + 30_000;
  const rule = (more: object): AlarmRule => ruleOf({
    Namespace: 'N', MetricName: 'M', Statistic: 'Sum', ComparisonOperator: 'GreaterThanOrEqualToThreshold', Threshold: '1', Period: '60', EvaluationPeriods: '1', ...more,
  });
  /** What each of the last periods had, the one that has only begun last. */
  const judged = (more: object, had: readonly (number | undefined)[], before: AlarmState = 'OK', madeMs = 0): AlarmState => {
    const values = had.flatMap((value, index) => (value === undefined ? [] : [[(1001 - had.length + index) * minute, value] as const]));
    return stateAt(rule(more), new Map(values), { nowMs, madeMs, before });
  };
  const threeOfThree = { EvaluationPeriods: 3 };
  const below = { ComparisonOperator: 'LessThanThreshold', TreatMissingData: 'breaching', EvaluationPeriods: 2 };

  test.each<[string, AlarmState, AlarmState]>([
    ['by the period that has begun, where it has data', judged({}, [0, 1]), 'ALARM'],
    ['by the one before, where it has none', judged({}, [1, undefined]), 'ALARM'],
    ['no longer by what is past', judged({}, [1, 0]), 'OK'],
    ['only when all of its periods are bad', judged(threeOfThree, [1, 0, 1]), 'OK'],
    ['bad when all of them are', judged(threeOfThree, [1, 1, 1]), 'ALARM'],
    ['by so many of them, where that is said', judged({ ...threeOfThree, DatapointsToAlarm: 2 }, [1, 0, 1]), 'ALARM'],
    ['strictly, where that is said', judged({ ComparisonOperator: 'GreaterThanThreshold' }, [1]), 'OK'],
    ['at most, where that is said', judged({ ComparisonOperator: 'LessThanOrEqualToThreshold' }, [1]), 'ALARM'],
    ['fine where no data is fine', judged({ TreatMissingData: 'notBreaching' }, []), 'OK'],
    ['bad where no data is bad', judged(below, []), 'ALARM'],
    ['fine where data comes again', judged(below, [undefined, 1]), 'OK'],
    ['as before where missing data is ignored', judged({ TreatMissingData: 'ignore' }, [], 'ALARM'), 'ALARM'],
    ['as not known where nothing is said of missing data', judged({}, [], 'ALARM'), 'INSUFFICIENT_DATA'],
    ['not for what was before it', judged(below, [], 'INSUFFICIENT_DATA', nowMs - minute), 'INSUFFICIENT_DATA'],
  ])('%s', (_, state, expected) => {
    expect(state).toBe(expected);
  });

  test.each([{ Metrics: [] }, { ExtendedStatistic: 'p99', Statistic: undefined }])('or not at all: %j', (more) => {
    expect(() => rule({ MetricName: 'Metrics' in more ? undefined : 'M', ...more })).toThrow(/are modelled/);
  });
});

describe('an execution is measured by how it ends', () => {
  let world: CloudWorld;
  let metrics: Monitoring;
  const region = 'us-east-1';
  const call = (operation: string, input: Record<string, unknown>): Promise<unknown> =>
    world.call({ service: 'states', operation, region, caller: world.operator.caller, input });
  const waiting = { StartAt: 'Wait', States: { Wait: { Type: 'Wait', Seconds: 9, End: true } } };

  beforeAll(() => {
    world = createWorld({
      seed: 5, accountId: '111111111111', regions: [region],
      services: (made) => [(metrics = monitoring(made)), statesModel(made, { measure: metrics.record })],
    });
  });
  afterAll(() => world.close());

  test.each([
    ['ExecutionsFailed', { StartAt: 'No', States: { No: { Type: 'Fail', Error: 'No' } } }, false],
    ['ExecutionsTimedOut', { ...waiting, TimeoutSeconds: 1 }, false],
    ['ExecutionsAborted', waiting, true],
    ['ExecutionsSucceeded', { StartAt: 'Yes', States: { Yes: { Type: 'Succeed' } } }, false],
  ])('%s', async (name, definition, stopped) => {
    const create = world.model('states')!.resources!['AWS::StepFunctions::StateMachine']!;
    const properties = { StateMachineName: name, RoleArn: 'arn:aws:iam::111111111111:role/machine', DefinitionString: JSON.stringify({ QueryLanguage: 'JSONata', ...definition }) };
    const { ref: stateMachineArn } = await create({ type: 'AWS::StepFunctions::StateMachine', logicalId: 'M', stackName: 's', region, generatedName: name, properties });
    const { executionArn } = (await call('StartExecution', { stateMachineArn })) as { executionArn: string };
    if (stopped) await call('StopExecution', { executionArn });
    const measured = await until(name, () => metrics.metrics.find(({ dimensions }) => dimensions['StateMachineArn'] === stateMachineArn));
    expect(measured).toMatchObject({ region, namespace: 'AWS/States', name, value: 1 });
  });
});

describe('in the system that is synthesized', () => {
  let installation: Installation;
  let alarms: readonly Alarm[];
  const seen = new Set<string>();
  const ringings = (name: string): Installation['monitoring']['rung'] => installation.monitoring.rung.filter((each) => each.name === name && each.region === home());
  const home = (): string => installation.settings.regions.home.name;
  const rings = async (name: string): Promise<void> => {
    const first = await until(`${name} to ring`, () => ringings(name)[0]);
    expect(first.told.length, name).toBe(1);
    seen.add(name);
  };

  beforeAll(async () => {
    installation = await openInstallation(await installationOf('dev'));
    ({ MetricAlarms: alarms } = await installation.operator<{ MetricAlarms: Alarm[] }>('monitoring', 'DescribeAlarms', { MaxRecords: 100 }));
  }, 270_000);
  afterAll(() => installation?.close());

  test('wrong input rings the alarm of its machine, and none of a function', async () => {
    const machines = alarms.filter(({ AlarmName, MetricName }) => MetricName === 'ExecutionsFailed' && !withoutInput.test(AlarmName));
    expect(machines.length).toBeGreaterThan(4);
    // One after the other: if all their functions began at once, one of them might not begin in time, and that rings too.
    for (const { AlarmName, Dimensions: [of] } of machines) {
      await installation.operator('states', 'StartExecution', { stateMachineArn: of?.Value, input: '{}' });
      await rings(AlarmName);
    }
    expect(installation.monitoring.rung.map(({ name }) => name).filter((name) => name.endsWith('-errors'))).toEqual([]);
  }, 180_000);

  test('a machine that is given nothing rings when it cannot do its work', async () => {
    const heal = installation.disturbances.add(({ service, caller }) => {
      if (!['elasticache', 'ecs'].includes(service) || caller.roleArn === undefined) return undefined;
      throw new AwsError(service === 'ecs' ? 'ServerException' : 'SnapshotQuotaExceededFault', 'The fault of this test');
    });
    try {
      for (const { AlarmName, Dimensions: [of] } of alarms.filter((each) => each.MetricName === 'ExecutionsFailed' && withoutInput.test(each.AlarmName))) {
        await installation.operator('states', 'StartExecution', { stateMachineArn: of?.Value, input: '{}' });
        await rings(AlarmName);
      }
    } finally {
      heal();
    }
  });

  test('a backup that goes before its time rings; one whose time is over does not', async () => {
    const detail = { backupVaultName: 'baton-dev', recoveryPointArn: 'arn:aws:rds:us-east-1:111111111111:snapshot:awsbackup:job-1', status: 'DELETED' };
    const gone = (deleteAt: Date): void => installation.world.emit({
      source: 'aws.backup', detailType: 'Recovery Point State Change', region: home(), resources: [], detail: { ...detail, calculatedLifecycle: { deleteAt: deleteAt.toISOString() } },
    });
    gone(new Date(Date.now() - 1000));
    await until('the judgement', async () => (await judged()).includes('due'));
    expect(ringings('baton-dev-backups-early')).toEqual([]);
    gone(new Date(Date.now() + 60_000));
    await rings('baton-dev-backups-early');

    async function judged(): Promise<string> {
      const of = { logGroupName: '/aws/lambda/baton-dev-backup-care', filterPattern: 'judgeDeletion' };
      return JSON.stringify(await installation.operator('logs', 'FilterLogEvents', of).catch(() => ''));
    }
  });

  test('what a reaper says rings, and so does a job of AWS Backup that fails', async () => {
    const logGroupName = '/aws/lambda/baton-dev-backup-reaper';
    await installation.operator('logs', 'CreateLogStream', { logGroupName, logStreamName: 'by-hand' });
    for (const work of ['reaped', 'failed']) {
      await installation.operator('logs', 'PutLogEvents', { logGroupName, logStreamName: 'by-hand', logEvents: [{ timestamp: Date.now(), message: JSON.stringify({ output: { work } }) }] });
      await rings(`baton-dev-backups-${work}-leftovers`);
    }
    for (const kind of ['Backup', 'Copy']) {
      installation.monitoring.record({ region: home(), namespace: 'AWS/Backup', name: `NumberOf${kind}JobsFailed`, value: 1, dimensions: { BackupVaultName: 'baton-dev' } });
      await rings(`baton-dev-${kind.toLowerCase()}-job-failed`);
    }
  });

  test('a schedule whose target was not called rings', async () => {
    for (const { AlarmName, Dimensions: [of] } of alarms.filter(({ Namespace }) => Namespace === 'AWS/SQS')) {
      const QueueUrl = `https://sqs.${home()}.amazonaws.com/${installation.settings.account}/${of?.Value}`;
      await installation.operator('sqs', 'SendMessage', { QueueUrl, MessageBody: '{}' });
      await rings(AlarmName);
    }
  });

  test('a function that fails rings its own', async () => {
    const functions = alarms.filter(({ Namespace }) => Namespace === 'AWS/Lambda');
    expect(functions.length).toBeGreaterThan(4);
    // Some look at no event: they are not answered.
    const heal = installation.disturbances.add(({ service, caller }) => {
      if (!['dynamodb', 'cloudformation'].includes(service) || caller.roleArn === undefined) return undefined;
      throw new AwsError('InternalServerError', 'The fault of this test', { fault: 'server' });
    });
    try {
      for (const { AlarmName, Dimensions: [of] } of functions) {
        await installation.operator('lambda', 'Invoke', { FunctionName: of?.Value, Payload: Buffer.from('{"step":"none"}') });
        await rings(AlarmName);
      }
    } finally {
      heal();
    }
  }, 180_000);

  test('a line that pages rings', async () => {
    for (const { name } of installation.settings.books) {
      const stream = { logGroupName: `/baton/dev/${name}`, logStreamName: 'by-hand' };
      await installation.operator('logs', 'CreateLogStream', stream);
      await installation.operator('logs', 'PutLogEvents', { ...stream, logEvents: [{ timestamp: Date.now(), message: JSON.stringify(page) }] });
      await rings(`baton-dev-${name}-position-mismatch`);
    }
  });

  test('what the watch over the keys says rings', async () => {
    const stream = { logGroupName: '/aws/lambda/baton-dev-key-watch', logStreamName: 'by-hand' };
    await installation.operator('logs', 'CreateLogStream', stream);
    const message = JSON.stringify({ output: Object.fromEntries(keyTroubles.map((trouble) => [trouble, 'yes'])) });
    await installation.operator('logs', 'PutLogEvents', { ...stream, logEvents: [{ timestamp: Date.now(), message }] });
    for (const trouble of keyTroubles) await rings(`baton-dev-keys-${trouble}`);
  });

  test('what the daily look at the drills says rings, and only when it says so', async () => {
    const stream = { logGroupName: '/aws/lambda/baton-dev-drill-control', logStreamName: 'by-hand' };
    await installation.operator('logs', 'CreateLogStream', stream);
    const say = (state: string) =>
      installation.operator('logs', 'PutLogEvents', { ...stream, logEvents: [{ timestamp: Date.now(), message: JSON.stringify({ message: 'age', output: { state, passedAt: '' } }) }] });
    for (const state of ['recent', 'elsewhere']) await say(state);
    expect(ringings('baton-dev-drill-overdue')).toEqual([]);
    await say('overdue');
    await rings('baton-dev-drill-overdue');
    expect(ringings('baton-dev-drill-overdue')).toHaveLength(1);
  });

  test('a revocation that could not be delivered rings', async () => {
    const region = home();
    await installation.operator('sqs', 'SendMessage', {
      QueueUrl: `https://sqs.${region}.amazonaws.com/${installation.settings.account}/baton-dev-revocations-undelivered`, MessageBody: '{}',
    });
    await rings('baton-dev-keys-undelivered');
  });

  test('an execution that is stopped, or out of time, rings', async () => {
    for (const { AlarmName, Namespace: namespace, MetricName: name, Dimensions: [of] } of alarms) {
      if (!['ExecutionsAborted', 'ExecutionsTimedOut'].includes(name)) continue;
      installation.monitoring.record({ region: home(), namespace, name, value: 1, dimensions: { StateMachineArn: of?.Value ?? '' } });
      await rings(AlarmName);
    }
  });

  test('what looks back for longer rings once its periods are over', () => {
    const every = ({ evaluationPeriods, periodSeconds }: AlarmRule, value: number | undefined): Map<number, number> =>
      new Map(value === undefined ? [] : Array.from({ length: evaluationPeriods }, (_, index) => [index * periodSeconds * 1000, value]));
    for (const alarm of alarms.filter(({ AlarmName }) => !seen.has(AlarmName))) {
      const rule = ruleOf(alarm);
      const at = { nowMs: rule.evaluationPeriods * rule.periodSeconds * 1000, madeMs: 0, before: 'INSUFFICIENT_DATA' } as const;
      const isOfLiveness = ofLiveness.test(alarm.AlarmName);
      const [good, bad] = isOfLiveness ? [1, undefined] : [rule.threshold, rule.threshold + 1];
      expect(stateAt(rule, every(rule, good), at), alarm.AlarmName).toBe('OK');
      expect(stateAt(rule, every(rule, bad), at), alarm.AlarmName).toBe('ALARM');
      if (isOfLiveness || alarm.Namespace === 'AWS/RDS' || alarm.AlarmName.endsWith('-cost-burn')) seen.add(alarm.AlarmName);
    }
  });

  test('each alarm was seen to ring by one of these tests', () => {
    expect(alarms.map(({ AlarmName }) => AlarmName).filter((name) => !seen.has(name))).toEqual([]);
  });
});
