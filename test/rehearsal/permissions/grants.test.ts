/**
 * Each grant of the synthesized policies is needed: what the rehearsals were permitted is judged again without it, and
 * refused. A grant that no rehearsal needs is listed with its reason in docs/decisions/0009-permissions.md.
 *
 * The recording is made by the rehearsals themselves; see the page for the command. A grant that the templates lose, gain
 * or rename fails here by its name, until the recording or the page says otherwise.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadSettings } from '../../../lib/settings/index.ts';
import { awsService } from '../../../rehearsal/cloud/model.ts';
import { openInstallation, type Installation } from '../../../rehearsal/installation.ts';
import { judgedOperations } from '../../../rehearsal/permissions/accesses.ts';
import type { NamedGrant } from '../../../rehearsal/permissions/deployed-policies.ts';
import { isSame, type Grant } from '../../../rehearsal/permissions/evaluate.ts';
import { judgeRecorded, type Judge, type RecordedAccess } from '../../../rehearsal/permissions/judge.ts';
import { recordedFile } from '../../../rehearsal/permissions/record.ts';
import type { Iam, Role } from '../../../rehearsal/services/iam.ts';
import { assemblyOf } from '../../assemblies.ts';
import { installationOf } from '../installed.ts';

const settings = loadSettings('production');
const again = 'Record again, as docs/decisions/0009-permissions.md says.';

let installation: Installation;
let judge: Judge;
let accesses: readonly RecordedAccess[];
/** What allows each of them, by today's templates. */
let granted: readonly (readonly Grant[])[];

beforeAll(async () => {
  installation = await openInstallation(await installationOf('production', { bothRegions: true }));
  judge = installation.world.judge as Judge;
  await soundTheAlarms();
  await tellOfTheBill();
  await estimateTheHour();
  await keepUpTheHour();
  await endALifecycle();
  const recorded = JSON.parse(readFileSync(recordedFile, 'utf8')) as readonly RecordedAccess[];
  accesses = [...recorded, ...judge.recorded];
  granted = accesses.map((access) => decided(access).grants);
}, 270_000);

afterAll(async () => {
  await installation?.close();
});

/** Nothing here spends: the cost stack's topic is told by hand what Budgets and Cost Anomaly Detection would tell it. */
async function tellOfTheBill(): Promise<void> {
  const region = settings.regions.first.name;
  const { Topics } = await installation.operator<{ Topics: { TopicArn: string }[] }>('sns', 'ListTopics', {});
  const TopicArn = Topics.map((topic) => topic.TopicArn).find((arn) => arn.endsWith('-cost'));
  for (const service of ['budgets', 'costalerts']) {
    const caller = awsService(`${service}.amazonaws.com`, `arn:aws:${service}::${settings.account}:baton-production`);
    await installation.world.call({ service: 'sns', operation: 'Publish', region, caller, input: { TopicArn, Message: 'spent' } });
  }
}

/** Hours do not pass here: so EventBridge is played by hand. */
async function estimateTheHour(): Promise<void> {
  const name = 'baton-production-cost-burn';
  const region = settings.regions.first.name;
  const caller = awsService('events.amazonaws.com', `arn:aws:events:${region}:${settings.account}:rule/${name}`);
  const call = { service: 'lambda', operation: 'Invoke', region, caller, input: { FunctionName: name } };
  const { FunctionError, Payload } = (await installation.world.call(call)) as { FunctionError?: string; Payload: Uint8Array };
  const answer = Buffer.from(Payload).toString();
  expect(FunctionError, answer).toBeUndefined();
  expect(JSON.parse(answer)).toMatchObject({ unseen: [] });
}

/** Nor do the days after which AWS Backup deletes what its time is over for: the rule that hears of it is played by hand, too. */
async function endALifecycle(): Promise<void> {
  const region = settings.regions.first.name;
  const caller = awsService('events.amazonaws.com', `arn:aws:events:${region}:${settings.account}:rule/baton-production-backup-deleted`);
  const event = { step: 'judgeDeletion', recoveryPoint: 'a snapshot', vault: 'baton-production', deleteAt: '2026-11-21T08:00:00Z', at: '2026-11-21T09:00:00Z' };
  const input = { FunctionName: 'baton-production-backup-care', Payload: Buffer.from(JSON.stringify(event)) };
  const answer = await installation.world.call({ service: 'lambda', operation: 'Invoke', region, caller, input });
  expect(answer).not.toHaveProperty('FunctionError');
}

/** And so for what keeps credentials from staying half-done, in both Regions: nothing is, in a system that was only deployed. */
async function keepUpTheHour(): Promise<void> {
  for (const { name: region } of [settings.regions.first, settings.regions.second]) {
    const caller = awsService('events.amazonaws.com', `arn:aws:events:${region}:${settings.account}:rule/baton-production-credential-upkeep`);
    const input = { FunctionName: 'baton-production-credential-rotation', Payload: Buffer.from('{"step":"upkeep","unfinishedSeconds":3600,"retireSeconds":3600}') };
    const { Payload } = (await installation.world.call({ service: 'lambda', operation: 'Invoke', region, caller, input })) as { Payload: Uint8Array };
    expect(JSON.parse(Buffer.from(Payload).toString())).toEqual({ finished: 'yes', rotating: 'yes', accepted: 'yes', recent: 'yes', retired: 'yes', done: [], faults: [] });
  }
}

/** Each alarm tells whom it tells. */
async function soundTheAlarms(): Promise<void> {
  const { MetricAlarms } = await installation.operator<{ MetricAlarms: { AlarmName: string }[] }>('monitoring', 'DescribeAlarms', { MaxRecords: 100 });
  for (const { AlarmName } of MetricAlarms) {
    await installation.operator('monitoring', 'SetAlarmState', { AlarmName, StateValue: 'ALARM', StateReason: 'To see whom it tells' });
  }
}

const decided = (access: RecordedAccess, without?: Grant) =>
  judgeRecorded(access, judge.policies, settings.account, without && { without }).decision;
const written = ({ role, action, resource }: NamedGrant): string => `${role}: ${action} on ${resource}`;
const of = ({ roleArn, service, action, resource }: RecordedAccess): string => `${roleArn?.split('/').at(-1) ?? service}: ${action} on ${resource}`;

/** The rows of the page: a role's name begins so, and these of its actions are meant. */
const excused = readFileSync(path.join(import.meta.dirname, '../../../docs/decisions/0009-permissions.md'), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, role, actions, why] = /^\| `([^`]+)` \| (`.+`) \| (.+) \|$/.exec(line) ?? [];
    return role === undefined || why === undefined ? [] : [{ role, actions: [...(actions ?? '').matchAll(/`([^`]+)`/g)].map(([, action]) => action), why }];
  });
const concerns = (role: string, action: string | undefined, grant: NamedGrant): boolean =>
  (grant.role.includes(role) || grant.resource.includes(role)) && (action === '*' || action === grant.action);
const isExcused = (grant: NamedGrant): boolean => excused.some(({ role, actions }) => actions.some((action) => concerns(role, action, grant)));

test('every alarm reaches its topic', () => {
  expect(accesses.filter(({ service }) => service === 'cloudwatch.amazonaws.com').map(({ action }) => action)).toEqual(
    expect.arrayContaining(['sns:Publish', 'kms:GenerateDataKey', 'kms:Decrypt']),
  );
  expect(judge.surprises).toEqual([]);
});

test('what the rehearsals were permitted, the templates of today permit', () => {
  expect(accesses.length).toBeGreaterThan(30);
  const refused = accesses.filter((access) => !decided(access).allowed);
  expect(refused.map(of), again).toEqual([]);
});

test('whatever a machine calls, it is known what that asks permission for', () => {
  const signingNames: Readonly<Record<string, string>> = { cloudwatch: 'monitoring', cloudwatchlogs: 'logs', eventbridge: 'events', sfn: 'states' };
  const { directory } = assemblyOf('production');
  const templates = readdirSync(directory).filter((name) => name.endsWith('.template.json')).map((name) => readFileSync(path.join(directory, name), 'utf8'));
  const called = new Set(
    [...templates.join().matchAll(/states:::(?:aws-sdk:)?([a-z]+):([a-zA-Z]+)/g)]
      .map(([, service = '', operation = '']) => `${signingNames[service] ?? service}:${operation[0]?.toUpperCase()}${operation.slice(1)}`),
  );
  expect([...called]).toEqual(expect.arrayContaining(['ecs:CreateTaskSet', 'lambda:Invoke', 'rds:CreateDBSnapshot']));
  const known = judgedOperations.map(({ service, operation }) => `${service}:${operation}`);
  // Java's spelling, in which a machine writes some of them.
  const spelt = (name: string): string => name.toLowerCase();
  expect([...called].filter((name) => !known.some((one) => spelt(one) === spelt(name)))).toEqual([]);
});

test('each grant that is used is needed: less it, something that was permitted is refused', () => {
  const used = grantsUsed();
  expect(used.length).toBeGreaterThan(30);
  const needless = used.filter((grant) => !allowedBy(grant).some((access) => !decided(access, grant).allowed));
  expect(needless.map((grant) => written(judge.policies.named(grant)))).toEqual([]);
});

test('each grant that is not used is listed with its reason', () => {
  const used = grantsUsed();
  const named = unusedBeside(used);
  expect(named.filter((grant) => !isExcused(grant)).map(written), `Take it out of the template, or use it in a rehearsal. ${again}`).toEqual([]);
});

test('the page lists nothing that is used, or that nobody has', () => {
  const used = grantsUsed();
  const unused = unusedBeside(used);
  const idle = excused.flatMap(({ role, actions }) =>
    actions.filter((action) => !unused.some((grant) => concerns(role, action, grant))).map((action) => `${role}: ${action}`),
  );
  expect(idle).toEqual([]);
});

test('no two grants allow the same: each is the only one for what it is used for', () => {
  const twice = accesses.filter((_access, index) => (granted[index]?.length ?? 0) > 1);
  expect(twice.map(of)).toEqual([]);
});

describe('only the machines change what runs', () => {
  const clusterAndService = { cluster: 'baton-production', service: 'baton-production-alpha' };
  const inputs: Readonly<Record<string, Record<string, unknown>>> = {
    CreateTaskSet: { ...clusterAndService, taskDefinition: 'baton-production-alpha-template:1' },
    UpdateTaskSet: { ...clusterAndService, taskSet: 'ecs-svc/1', scale: { value: 0, unit: 'PERCENT' } },
    UpdateServicePrimaryTaskSet: { ...clusterAndService, primaryTaskSet: 'ecs-svc/1' },
    DeleteTaskSet: { ...clusterAndService, taskSet: 'ecs-svc/1', force: true },
    StopTask: { cluster: 'baton-production', task: '1' },
  };
  const everything = { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } };
  const attempt = (role: Role, operation: string): Promise<unknown> => {
    const { world } = installation;
    const caller = world.callerFor(role.arn);
    return world.call({ service: 'ecs', operation, region: settings.regions.home.name, caller, input: inputs[operation] ?? {} });
  };
  const rolesOf = (ofMachines: boolean): readonly Role[] =>
    [...(installation.world.model('iam') as Iam).roles.values()].filter(
      ({ name, trust }) => name.startsWith('baton-production-') && JSON.stringify(trust).includes('"states.amazonaws.com"') === ofMachines,
    );

  test.each(Object.keys(inputs))('ecs:%s is refused to every other role, even to one that a policy allows everything by mistake', async (operation) => {
    expect(rolesOf(false).length).toBeGreaterThan(5);
    for (const role of rolesOf(false)) {
      judge.expectRefusal({ role: new RegExp(`^${role.name}$`), action: `ecs:${operation}` });
      role.policies.set('a mistake', everything);
      const outcome = attempt(role, operation);
      await expect(outcome, role.name).rejects.toMatchObject({
        name: 'AccessDeniedException', message: expect.stringContaining('with an explicit deny in a permissions boundary'),
      });
      role.policies.delete('a mistake');
      await expect(attempt(role, operation), role.name).rejects.toMatchObject({ name: 'AccessDeniedException' });
    }
    expect(judge.surprises).toEqual([]);
  });

  test("the cutover's machine is let through: what it meets then is ECS", async () => {
    const [machine] = rolesOf(true).filter(({ name }) => name.includes('CutoverMachine'));
    expect(machine).toBeDefined();
    await expect(attempt(machine!, 'DeleteTaskSet')).rejects.toMatchObject({ name: 'TaskSetNotFoundException' });
  });
});

/** What a grant is in either Region: both have the same stacks, and one of them needs it as soon as the other does. */
function eitherRegions({ role, action, resource }: NamedGrant): string {
  const names = [settings.regions.first, settings.regions.second].flatMap(({ name }) => [name, name.replaceAll('-', '')]);
  const neutral = (text: string): string =>
    names.reduce((known, name) => known.replaceAll(name, 'REGION'), text)
      // What is drawn for each Region: of roles and logical ids, of secrets, of keys.
      .replaceAll(/[0-9A-F]{8,16}|-([0-9A-F]{6}|\?{6})$|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '…');
  return `${neutral(role)}: ${action} on ${neutral(resource)}`;
}

function unusedBeside(used: readonly Grant[]): readonly NamedGrant[] {
  const known = new Set(used.map((grant) => eitherRegions(judge.policies.named(grant))));
  return judge.policies.grants().map((grant) => judge.policies.named(grant)).filter((grant) => !known.has(eitherRegions(grant)));
}

function grantsUsed(): readonly Grant[] {
  return granted.flat().filter((grant, index, all) => all.findIndex((one) => isSame(one, grant)) === index);
}

function allowedBy(grant: Grant): readonly RecordedAccess[] {
  return accesses.filter((_access, index) => granted[index]?.some((one) => isSame(one, grant)));
}
