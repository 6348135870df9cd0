/** What can go wrong when the database is put back to a moment: told with `restore-database`, each alone. */
import { exactly, type Outcome } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import { silentTopics, timedOutAfterSuccess } from './aws.ts';
import { flipByteInBase, loseSegmentOf } from './damage.ts';
import { onEntering, struck, type Injected } from './fault.ts';

export interface RestoreFault {
  readonly name: string;
  readonly summary: string;
  readonly outcome: Outcome;
  /** Which database has the name in the end. */
  readonly inUse: 'restored' | 'before';
  /** What the cause of the ending says. */
  readonly says?: RegExp;
  /** What the person types instead of the moment before the harm. */
  readonly to?: string;
  /** What was restored is still there when the machine was killed: the reaper finds it by its age. */
  readonly leaves?: true;
  /** Called before orders that the moment is to have. */
  readonly damages?: (stage: Stage) => Promise<void>;
  /** Called before the restore is started, to a moment. */
  readonly inject?: (stage: Stage, moment: Date) => Injected | Promise<Injected>;
}

const pageBytes = 8192;
/** Rows are at the end of a page. */
const rowsEnd = 16;
/** Beyond the machine's limit for a restore. */
const tooLongSeconds = 4000;
/** Two renamings and a removal, as long as AWS takes for them here. */
const redriveBoundMs = 150_000;
/** checkRestore, restore, admit, swap, and those of the books and the databases. */
const stepsOfARestore = 10;

export const restoreFaults: readonly RestoreFault[] = [
  {
    name: 'outside-the-window', summary: 'The moment that was typed is long before the first backup.', outcome: 'refused', inUse: 'before', to: '2020-01-01T00:00:00Z',
    says: /outside of what can be restored/,
  },
  {
    name: 'restored-unsound', summary: 'A byte in the backup that the restore begins with is another one: it is found, and not swapped in.', outcome: 'rolled-back', inUse: 'before',
    says: /is not sound, and was not swapped in: .*pages of migrations/,
    async damages(stage) {
      const { home, aws: { databases } } = stage;
      const name = `baton-${stage.environment}`;
      const server = databases.running(home).get(name)?.server;
      // A page that nobody writes any more: of any other the log may have a newer one, with which the recovery mends the damage.
      await server?.ask('VACUUM (FREEZE) migrations', [], 'baton');
      const [found] = (await server?.ask<{ path: string }>('SELECT pg_relation_filepath($1) AS path', ['migrations'], 'baton')) ?? [];
      const directory = await databases.backUpNow(home, name);
      await flipByteInBase(directory ?? '', found?.path ?? '', pageBytes - rowsEnd);
    },
  },
  {
    name: 'missing-segment', summary: 'The archive of the write-ahead log lacks the segment of the moment.', outcome: 'rolled-back', inUse: 'before',
    says: /What was restored is incompatible-restore/,
    async inject({ home, environment, aws: { databases } }, moment) {
      await loseSegmentOf(databases.archiveOf(home, `baton-${environment}`) ?? '', moment);
      return { promises: () => [] };
    },
  },
  {
    name: 'restore-stuck', summary: 'What is restored stays in creating.', outcome: 'rolled-back', inUse: 'before', says: /was not available within \d+ s; it is creating/,
    inject(stage) {
      const release = stage.aws.databases.holdRestores(stage.home);
      let times = 0;
      onEntering(stage, ['Look at the restored database'], () => {
        times += 1;
        stage.letTimePass(tooLongSeconds);
      });
      return { heal: release, promises: () => [struck('a restore that does not end', times)] };
    },
  },
  {
    name: 'killed', summary: 'An operator stops the execution while the restored database is judged: the lock is given back, and the database of before is in use.',
    outcome: 'needs-a-person', inUse: 'before', leaves: true,
    inject(stage) {
      let times = 0;
      const stop = stage.onWorkflow((event, { executionArn }) => {
        if (event.kind !== 'entered' || event.state !== 'Judge the restored ledger' || times > 0) return;
        times += 1;
        stage.injected('an operator stops the execution');
        void stage.operator('states', 'StopExecution', { executionArn, error: 'Operator', cause: 'stopped by hand' });
      });
      return { heal: stop, promises: () => [struck('executions that were stopped', times)] };
    },
  },
  {
    name: 'killed-between-the-names', summary: 'An operator stops the execution when the database of before was asked to give its name away, and redrives it when nothing has the name.',
    outcome: 'needs-a-person', inUse: 'before',
    inject(stage) {
      const { home, environment } = stage;
      const name = `baton-${environment}`;
      let killed = '';
      let ended = 'it was not';
      const stop = stage.onWorkflow((event, { executionArn }) => {
        if (event.kind !== 'entered' || event.state !== 'Wait a while for the names' || killed !== '') return;
        killed = executionArn;
        stage.injected('an operator stops the execution');
        void stage.operator('states', 'StopExecution', { executionArn, error: 'Operator', cause: 'stopped by hand' }, home);
      });
      return {
        async heal() {
          stop();
          if (killed === '') return;
          await until('nothing to have the name', redriveBoundMs, async () => {
            const { DBInstances } = await stage.operator<{ DBInstances: { DBInstanceIdentifier: string }[] }>('rds', 'DescribeDBInstances', {}, home);
            return DBInstances.every(({ DBInstanceIdentifier }) => DBInstanceIdentifier !== name);
          });
          await stage.operator('states', 'RedriveExecution', { executionArn: killed }, home);
          ended = await until('the redriven execution to end', redriveBoundMs, async () => {
            const { status, error } = await stage.operator<{ status: string; error?: string }>('states', 'DescribeExecution', { executionArn: killed }, home);
            return status !== 'RUNNING' && (error ?? status);
          });
        },
        promises: () => [struck('executions that were stopped', killed === '' ? 0 : 1), exactly('redriven', 'Redriven, it ended as', ended, 'RolledBack')],
      };
    },
  },
  {
    name: 'step-times-out-after-success', summary: 'Each step of the restore’s functions is done at its first try, and its function then times out.', outcome: 'succeeded', inUse: 'restored',
    inject(stage) {
      const done = new Set<string>();
      const stop = timedOutAfterSuccess(stage, /(database-restore|recovery-control|database-recovery|other-region|credential-rotation)/, done);
      return { heal: stop, promises: () => [struck('steps that timed out after their success, beyond nine', Math.max(0, done.size - stepsOfARestore + 1))] };
    },
  },
  {
    name: 'nobody-to-tell', summary: 'SNS is down, so nobody hears how the restore ended; everything else was done.', outcome: 'needs-a-person', inUse: 'restored', says: /Nobody was told/,
    inject: silentTopics,
  },
];
