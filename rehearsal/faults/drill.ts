/** What can go wrong with a drill: told with `dr-drill`, each alone. Whatever it is, nothing is left of the drill, and what trades notices nothing. */
import type { DrillReport } from '../../lib/contracts/drill.ts';
import { drillsFolder, shadowBook } from '../../lib/contracts/drill.ts';
import { AwsError } from '../cloud/model.ts';
import { exactly, type Outcome } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import { removalRefused } from './aws.ts';
import { onEntering, struck, type Injected } from './fault.ts';

export interface DrillFault {
  readonly name: string;
  readonly summary: string;
  readonly outcome: Outcome;
  /** What the cause of the ending says; of a fault that is survived, nothing. */
  readonly says?: RegExp;
  /** It is no drill at all: nothing was begun, so nothing is signed. */
  readonly notBegun?: true;
  /** Its machine is gone and takes nothing down: what it made is the nets' below it. */
  readonly killed?: true;
  /** Begins what disturbs the drill in the Region that stands by, before it is started; answers how that ends and that it struck. */
  readonly inject: (stage: Stage) => Promise<Injected>;
  /** What a report of a drill that was passed says was slower. */
  readonly slower?: RegExp;
}

const lockBoundMs = 30_000;
const dayMs = 86_400_000;

export const drillFaults: readonly DrillFault[] = [
  {
    name: 'restore-fails', summary: 'The key of the copied backup is turned off: nothing can be restored from it.', outcome: 'needs-a-person', says: /(KMS|Kms).*disabled/i,
    async inject(stage) {
      const { standby } = stage;
      const KeyId = `alias/baton-${stage.environment}-backups`;
      await stage.operator('kms', 'DisableKey', { KeyId }, standby);
      return { heal: async () => void (await stage.operator('kms', 'EnableKey', { KeyId }, standby)), promises: () => [] };
    },
  },
  {
    name: 'shadow-never-ready', summary: 'The shadow trader cannot say of itself that it is ready.', outcome: 'needs-a-person', says: /did not stand by within 600 s: no shadow trader has said anything of itself/,
    inject: async (stage) => {
      onEntering(stage, ['Look whether the shadow trader stands by'], () => stage.letTimePass(700));
      let times = 0;
      const heal = stage.disturb(({ service, operation, input }) => {
        const { Item } = input as { Item?: { book?: { S?: string } } };
        if (service !== 'dynamodb' || operation !== 'PutItem' || Item?.book?.S !== String(shadowBook)) return undefined;
        times += 1;
        return Promise.reject(new AwsError('InternalServerError', 'Internal server error', { fault: 'server' }));
      });
      return { heal, promises: () => [struck('words of the shadow trader that were lost', times)] };
    },
  },
  {
    name: 'run-task-unanswered', summary: 'ECS starts the shadow task whenever it is asked, and answers with an error.', outcome: 'needs-a-person', says: /Start the shadow task: Ecs\.ServerException/,
    async inject(stage) {
      let times = 0;
      const heal = stage.disturb(({ service, operation, input, region }, next) => {
        if (service !== 'ecs' || operation !== 'RunTask' || region !== stage.standby || input['startedBy'] === undefined) return undefined;
        return next().then(() => {
          times += 1;
          throw new AwsError('ServerException', 'Service Unavailable. Please try again later.', { fault: 'server' });
        });
      });
      return {
        heal,
        async promises() {
          const cluster = `baton-${stage.environment}-drills`;
          const { taskArns } = await stage.operator<{ taskArns: string[] }>('ecs', 'ListTasks', { cluster, desiredStatus: 'STOPPED' }, stage.standby);
          return [struck('starts of the shadow task that nobody heard of', times), exactly('stopped', 'Shadow tasks that were found by the name of the drill and stopped', taskArns.length, 1)];
        },
      };
    },
  },
  {
    name: 'killed', summary: 'An operator stops the execution while the shadow trader starts: its task runs on, until the hourly look finds it too old.', outcome: 'needs-a-person', killed: true,
    async inject(stage) {
      let times = 0;
      const heal = stage.onWorkflow((event, { executionArn }) => {
        if (event.kind !== 'entered' || event.state !== 'Look whether the shadow trader stands by' || times > 0) return;
        times += 1;
        void stage.operator('states', 'StopExecution', { executionArn, error: 'Operator', cause: 'stopped by hand' }, stage.standby);
      });
      return { heal, promises: () => [struck('executions that were stopped', times)] };
    },
  },
  {
    name: 'teardown-refused', summary: 'RDS refuses once to remove what was restored.', outcome: 'succeeded',
    inject: async (stage) => removalRefused(stage),
  },
  {
    name: 'deployment-runs', summary: 'A cutover has the book while the drill is started.', outcome: 'refused', says: /is being changed by another workflow: \S+baton-\w+-cutover/, notBegun: true,
    async inject(stage) {
      const deploying = stage.cutover(stage.releases.second, 'A release beside a drill');
      await until('the cutover to have the book', lockBoundMs, async () => (await stage.control.read(stage.book)).workflow.execution !== undefined);
      return { heal: async () => void (await deploying), promises: () => [] };
    },
  },
  {
    name: 'slower-than-ever', summary: 'The last six drills had their orders within a second.', outcome: 'succeeded', slower: /from the decision to the accepted orders: [\d.]+ s, in the last 6 drills 0\.5 s at most/,
    async inject(stage) {
      const { standby, home, environment, settings, book } = stage;
      for (let back = 1; back <= 6; back += 1) {
        const begunAt = new Date(Date.now() - back * 30 * dayMs).toISOString();
        const report: DrillReport = {
          installation: `baton-${environment}`, name: `baton-${environment}-drill-0000000${back}`, execution: 'of a month before', book, requestedBy: 'the schedule', reason: 'By the calendar',
          region: standby, lost: home, release: { trader: 'sha256:before', guard: 'sha256:before' }, recoveryPointArn: 'arn', createdAt: begunAt, begunAt, endedAt: begunAt, passed: true,
          measures: { restoreSeconds: 3600, recoveryPointSeconds: 3600, startSeconds: 3600, ordersSeconds: 0.5, ledgerSeconds: 3600, totalSeconds: 7200 }, objectives: {}, slower: [], why: '', leftOver: '',
        };
        const Bucket = `baton-${environment}-evidence-${settings.account}-${standby}`;
        await stage.operator('s3', 'PutObject', { Bucket, Key: `${drillsFolder}${begunAt}-${report.name}.json`, Body: JSON.stringify(report) }, standby);
      }
      return { promises: () => [] };
    },
  },
];
