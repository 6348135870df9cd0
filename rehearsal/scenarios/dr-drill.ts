/**
 * The loss of the home Region is rehearsed in the other one while a book trades: the copied backup is restored there, the very image that is live is started in a network
 * that leads nowhere beside a venue on paper, takes a shadow book over, and is removed. The real venue hears nothing of it, and trading notices nothing.
 */
import { DrillReport, drillsFolder, shadowBook } from '../../lib/contracts/drill.ts';
import { signatureSuffix } from '../../lib/verification/signed-report.ts';
import { drillFaults } from '../faults/drill.ts';
import { atMost, exactly, type PromiseKept } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import { endedAs } from './cutover.ts';
import { openBook } from './open-book.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';
import { standbyRuns } from './two-regions.ts';

const ordersAround = 30;
/** Provisioning with what waits for it: a snapshot and its copy. */
const boundMs = 150_000;
/** As in any undisturbed minute of trading. */
const silenceLimitMs = 1500;
/** Older than any drill needs its task. */
const leftSeconds = 3 * 3600;
/** A cutover beside it has its own gap, and this machine to itself no more. */
const silenceBesideACutoverMs = 3000;

export const drDrill: Scenario = {
  name: 'dr-drill',
  maintenance: true,
  summary: 'The loss of the home Region is rehearsed in the other one: a restored database, the live image, a shadow book, a venue on paper.',
  promises: [
    'the release that is live takes the shadow book over within a lease and three seconds, and the restored ledger has its orders',
    'the real venue hears nothing of it, and no item of a real book is written but its lock',
    'the report is signed, says what every step took, and what was slower than ever',
    'nothing is left of it, however it ended; trading notices nothing',
  ],
  faults: drillFaults,
  bothRegions: true,
  keepsBackups: true,
  contradiction: (names) => (names.length > 1 ? 'each of them decides how the drill ends' : undefined),
  async run(stage, names): Promise<ScenarioEnd> {
    const fault = drillFaults.find(({ name }) => names.has(name));
    const { first, opened, end } = await openBook(stage, ordersAround);
    if (end !== undefined) return end;
    await standbyRuns(stage, stage.releases.first.trader.digest);
    await backedUp(stage);

    stage.progress.heading(`The drill in ${stage.standby}${fault === undefined ? '' : `, with ${fault.name}`}`);
    const sinceMs = stage.acceptedIn(() => true).at(-1) ?? 0;
    const atHome = await leftToTheOther(stage);
    const injected = await fault?.inject(stage);
    const drilled = await stage.recovery('dr-drill', stage.standby, { book: stage.book });
    await injected?.heal?.();
    if (fault?.killed === true) {
      await until('the lock to be given back', boundMs, async () => (await stage.control.read(stage.book)).workflow.execution === undefined);
      stage.letTimePass(leftSeconds);
    }
    const found = await hourlyLook(stage);
    await stage.aws.schedules.comesDue(stage.standby, `baton-${stage.environment}-drill-age`);
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);

    const expected = fault?.outcome ?? 'succeeded';
    const [signed] = (await reports(stage)).filter(({ execution }) => execution !== 'of a month before');
    const shadow = await stage.control.read(shadowBook).catch(() => undefined);
    const promises: PromiseKept[] = [
      opened,
      exactly('at-home', 'Of the schedule in the home Region comes', atHome, 'nothing: it is left to the other one'),
      exactly('outcome', 'The drill ended as promised', endedAs(drilled, expected), expected),
      ...(fault?.says === undefined ? [] : [exactly('said', 'Why, was', fault.says.test(drilled.cause ?? '') ? 'said' : (drilled.cause ?? 'not said'), 'said')]),
      ...((await injected?.promises()) ?? []),
      exactly('net', 'What the hourly look found to stop', found, fault?.killed === true ? '1 task' : 'nothing'),
      ...(fault?.notBegun === true || fault?.killed === true ? [exactly('signed', 'Signed reports', signed === undefined ? 'none' : 'one', 'none')] : [
        exactly('signed', 'The signed report says that the drill was', signed === undefined ? 'no report' : signed.passed ? 'passed' : 'not passed', expected === 'succeeded' ? 'passed' : 'not passed'),
        exactly('shadow', 'The shadow book is', `${shadow?.mode}, held by ${shadow?.workflow.execution ?? 'no workflow'}`, 'halted, held by no workflow'),
      ]),
      ...(expected === 'succeeded' && signed !== undefined ? passedPromises(stage, signed) : []),
      ...(fault?.slower === undefined ? [] : [exactly('slower', 'What was slower than ever was', signed?.slower.some((line) => fault.slower?.test(line)) ? 'told' : JSON.stringify(signed?.slower), 'told')]),
      exactly('heard', 'Orders of the shadow book that the real venue heard of', stage.venueHeardOf(shadowBook), 0),
      exactly('left', 'Databases and tasks of it that are left', (await leftOf(stage)).join(', ') || 'none', fault?.killed === true ? 'the restored database, for the reaper' : 'none'),
      exactly('locks', 'Books that it still has', (await stage.control.read(stage.book)).workflow.execution ?? 'none', 'none'),
      exactly('untouched', 'Calls of the drill that write what is in use', touched(stage).join(', ') || 'none', 'none'),
      atMost('silence', 'Longest time without an accepted order meanwhile', stage.longestSilenceMs(sinceMs), fault?.notBegun === true ? silenceBesideACutoverMs : silenceLimitMs, 'ms'),
      exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
    ];
    return {
      outcome: drilled.outcome, promises, steps: [...first.steps, ...drilled.steps], modelledDurationMs: drilled.modelledMs,
      figures: signed?.passed === true ? [
        { figure: `${rounded(signed.measures.ordersSeconds)} s`, meaning: 'from the decision to accepted orders, on paper' },
        { figure: `${rounded(signed.measures.restoreSeconds)} s`, meaning: 'until the restored database answered, with the waiting for AWS compressed' },
        { figure: `${rounded(signed.measures.recoveryPointSeconds)} s`, meaning: 'old was the newest commit in it' },
      ] : [],
    };
  },
};

function passedPromises(stage: Stage, { measures, region, lost, release }: DrillReport): PromiseKept[] {
  return [
    atMost('orders', 'From the decision to accepted orders on paper', Math.round((measures.ordersSeconds ?? Infinity) * 1000), stage.settings.lease.leaseMs + 3000, 'ms'),
    exactly('measured', 'Steps that were not measured', Object.entries(measures).filter(([, seconds]) => seconds === null).map(([name]) => name).join(', ') || 'none', 'none'),
    exactly('where', 'It took place', `in ${region}, with ${lost} lost`, `in ${stage.standby}, with ${stage.home} lost`),
    exactly('image', 'The image that took over is the one that is live', release.trader, stage.releases.first.trader.digest),
  ];
}

/** The ledger is backed up at home, and the copy is in the vault of the Region that stands by. */
async function backedUp(stage: Stage): Promise<void> {
  const { home, standby, aws: { plans } } = stage;
  const BackupVaultName = `baton-${stage.environment}`;
  stage.progress.heading('The hour of the backup comes');
  await until('the database at home to be known as written', boundMs, async () => (await plans.runRule(home, BackupVaultName, 'hourly')).length > 0);
  await until('the copy in the other Region', boundMs, async () => {
    const { RecoveryPoints } = await stage.operator<{ RecoveryPoints: { Status: string }[] }>('backup', 'ListRecoveryPointsByBackupVault', { BackupVaultName }, standby);
    return RecoveryPoints.some(({ Status }) => Status === 'COMPLETED');
  });
}

/** Both Regions have the schedule: where the books are at home, what it starts finds nothing to do. */
async function leftToTheOther(stage: Stage): Promise<string> {
  const { status, output } = await startedBySchedule(stage, stage.home, 'dr-drill');
  return status === 'SUCCEEDED' && output.includes('elsewhere') ? 'nothing: it is left to the other one' : `${status} ${output}`;
}

async function hourlyLook(stage: Stage): Promise<string> {
  const { status, output } = await startedBySchedule(stage, stage.standby, 'drill-leftovers');
  if (status !== 'SUCCEEDED') return `${status} ${output}`;
  const { stopped } = JSON.parse(output) as { readonly stopped: readonly string[] };
  if (stopped.length === 0) return 'nothing';
  const cluster = `baton-${stage.environment}-drills`;
  await until('what was left to have stopped', boundMs, async () => {
    const { tasks } = await stage.operator<{ tasks: { lastStatus: string }[] }>('ecs', 'DescribeTasks', { cluster, tasks: stopped }, stage.standby);
    return tasks.every(({ lastStatus }) => lastStatus === 'STOPPED');
  });
  return `${stopped.length} task`;
}

async function startedBySchedule(stage: Stage, region: string, machine: string): Promise<{ readonly status: string; readonly output: string }> {
  const { environment, settings, aws: { schedules } } = stage;
  await schedules.comesDue(region, `baton-${environment}-${machine}`);
  const stateMachineArn = `arn:aws:states:${region}:${settings.account}:stateMachine:baton-${environment}-${machine}`;
  const { executionArn, status } = await until(`${machine} in ${region} to end`, boundMs, async () => {
    const { executions } = await stage.operator<{ executions: { executionArn: string; status: string }[] }>('states', 'ListExecutions', { stateMachineArn }, region);
    return executions.find((each) => each.status !== 'RUNNING');
  });
  const { output = '' } = await stage.operator<{ output?: string }>('states', 'DescribeExecution', { executionArn }, region);
  return { status, output };
}

async function reports(stage: Stage): Promise<readonly DrillReport[]> {
  const Bucket = `baton-${stage.environment}-evidence-${stage.settings.account}-${stage.standby}`;
  const { Contents = [] } = await stage.operator<{ Contents?: { Key: string }[] }>('s3', 'ListObjectsV2', { Bucket, Prefix: drillsFolder }, stage.standby);
  const keys = new Set(Contents.map(({ Key }) => Key));
  const signed = [...keys].filter((key) => keys.has(key.replace(/\.json$/, signatureSuffix)) || !key.endsWith(signatureSuffix));
  return Promise.all(signed.filter((key) => !key.endsWith(signatureSuffix)).map(async (Key) => {
    const { Body } = await stage.operator<{ Body: Uint8Array }>('s3', 'GetObject', { Bucket, Key }, stage.standby);
    return DrillReport.parse(JSON.parse(Buffer.from(Body).toString()));
  }));
}

async function leftOf(stage: Stage): Promise<readonly string[]> {
  const { standby, environment } = stage;
  const [{ DBInstances }, { taskArns }] = await Promise.all([
    stage.operator<{ DBInstances: { DBInstanceIdentifier: string }[] }>('rds', 'DescribeDBInstances', {}, standby),
    stage.operator<{ taskArns: string[] }>('ecs', 'ListTasks', { cluster: `baton-${environment}-drills` }, standby),
  ]);
  const made = DBInstances.map(({ DBInstanceIdentifier }) => DBInstanceIdentifier).filter((name) => name !== `baton-${environment}`);
  return [...made.map((name) => (name.startsWith(`baton-${environment}-drill-`) ? 'the restored database, for the reaper' : name)), ...taskArns];
}

/** By the roles of the drill, as the policies judged them: of a database, a cache or a secret in use, and more than to look. */
function touched(stage: Stage): readonly string[] {
  const inUse = new RegExp(`:(db|replicationgroup):baton-${stage.environment}$|:secret:baton-${stage.environment}/(?!${shadowBook}/)`);
  return stage.permissions.recorded
    .filter(({ roleArn = '', action, resource }) => /verification-Drill/i.test(roleArn) && inUse.test(resource) && !/:(Describe|List)/.test(action))
    .map(({ action, resource }) => `${action} of ${resource}`);
}

function rounded(seconds: number | null): number {
  return Math.round((seconds ?? 0) * 10) / 10;
}
