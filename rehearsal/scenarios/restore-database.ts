/**
 * Rows of the ledger were deleted by hand, and its database is put back to the moment before: restored from a real base backup and the real log, judged, and swapped in by its
 * name, while the book trades. What was written since comes back from the journal, and the other Region's replica is made anew.
 */
import { restoreFaults } from '../faults/restore.ts';
import { atMost, exactly, type PromiseKept } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import { endedAs } from './cutover.ts';
import { openBook } from './open-book.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';
import { standbyRuns } from './two-regions.ts';

const ordersAround = 30;
const boundMs = 60_000;
/** As in any undisturbed minute of trading. */
const silenceLimitMs = 1500;

interface Instance {
  readonly DBInstanceIdentifier: string;
  readonly DbiResourceId: string;
  readonly DBInstanceStatus: string;
  readonly DBInstanceArn: string;
  readonly DeletionProtection: boolean;
  readonly ReadReplicaSourceDBInstanceIdentifier?: string;
  readonly TagList: readonly { readonly Key: string }[];
}

export const restoreDatabase: Scenario = {
  name: 'restore-database',
  maintenance: true,
  summary: 'Rows of the ledger were deleted: its database is put back to the moment before, by a real recovery, while the book trades.',
  promises: [
    'what was deleted is there again, and every order since',
    'a database that is not sound is not swapped in, and until the swap every way out leads back',
    'trading goes on all the while',
    'the other Region has a replica of what is in use; the database of before is kept, and nothing else is left',
  ],
  faults: restoreFaults,
  bothRegions: true,
  keepsBackups: true,
  contradiction: (names) => (names.length > 1 ? 'each of them decides how the restore ends' : undefined),
  async run(stage, names): Promise<ScenarioEnd> {
    const fault = restoreFaults.find(({ name }) => names.has(name));
    const { first, opened, end } = await openBook(stage, ordersAround);
    if (end !== undefined) return end;
    await standbyRuns(stage, stage.releases.first.trader.digest);
    const { home, standby, aws: { schedules, databases } } = stage;
    const name = `baton-${stage.environment}`;
    const sinceMs = stage.acceptedIn(() => true).at(-1) ?? 0;
    await schedules.comesDue(home, `${name}-watermark`);
    await until('the watermark', boundMs, async () => (await watermarks(stage)) > 0);
    await fault?.damages?.(stage);
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
    const original = (await instancesIn(stage, home)).find(({ DBInstanceIdentifier }) => DBInstanceIdentifier === name);

    stage.progress.heading('Rows of the ledger are deleted by hand');
    const server = databases.running(home).get(name)?.server;
    const [before] = (await server?.ask<{ fills: number; at: Date }>('SELECT count(*)::int AS fills, clock_timestamp() AS at FROM fills', [], 'baton')) ?? [];
    await server?.ask('DELETE FROM fills', [], 'baton');
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
    await databases.archiveNow(home, name);

    stage.progress.heading(`The database is put back${fault === undefined ? '' : `, with ${fault.name}`}`);
    const injected = await fault?.inject?.(stage, before?.at ?? new Date());
    const restored = await stage.recovery('restore-database', home, {
      to: fault?.to ?? before?.at.toISOString(), acceptDataLoss: { reason: 'There are no tables of the bot’s own', approvedBy: 'somebody else' },
    });
    await injected?.heal?.();
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);

    const expected = fault?.outcome ?? 'succeeded';
    const isRestored = (fault?.inUse ?? 'restored') === 'restored';
    const here = await until('nothing in the making', boundMs, async () => {
      const found = await instancesIn(stage, home);
      return found.every(({ DBInstanceStatus }) => ['available', 'creating'].includes(DBInstanceStatus)) && found;
    });
    const inUse = here.find(({ DBInstanceIdentifier }) => DBInstanceIdentifier === name);
    const kinds = here.map(({ DBInstanceIdentifier: each }) => each.replace(/-[0-9a-f]{8}$/, '-…')).toSorted().join(', ');
    const replica = (await instancesIn(stage, standby)).find(({ DBInstanceIdentifier }) => DBInstanceIdentifier === name);
    const [after] = (await databases.running(home).get(name)?.server.ask<{ fills: number }>(
      'SELECT count(*)::int AS fills FROM fills WHERE executed_at <= $1', [before?.at], 'baton',
    )) ?? [];
    const measured = (restored.report?.['measured'] ?? {}) as Record<string, number | null>;
    const promises: PromiseKept[] = [
      opened,
      exactly('outcome', 'The restore ended as promised', endedAs(restored, expected), expected),
      ...(fault?.says === undefined ? [] : [exactly('says', 'Why, is', fault.says.test(restored.cause ?? '') ? 'said' : (restored.cause ?? 'not said'), 'said')]),
      ...((await injected?.promises()) ?? []),
      exactly('in-use', 'The database in use is', inUse?.DbiResourceId === original?.DbiResourceId ? 'the one of before' : 'the restored one', isRestored ? 'the restored one' : 'the one of before'),
      exactly('writable', 'It is', await stage.databaseOf(home), 'written'),
      exactly('instances', 'Databases at home', kinds, [name, ...(isRestored ? [`${name}-before-…`] : []), ...(fault?.leaves === true ? [`${name}-restore-…`] : [])].join(', ')),
      exactly('replica', 'The other Region has a replica of it', replica?.ReadReplicaSourceDBInstanceIdentifier ?? 'none', inUse?.DBInstanceArn ?? 'nothing'),
      ...(isRestored
        ? [
            exactly('undone', 'Fills of before that are there again', Math.min(after?.fills ?? 0, before?.fills ?? -1), before?.fills ?? -1),
            exactly('lasting', 'It is protected, and nothing says that it is temporary', `${inUse?.DeletionProtection}, ${inUse?.TagList.filter(({ Key }) => /temporary|made-at/.test(Key)).length}`, `${stage.settings.database.deletionProtection}, 0`),
            exactly('untold', 'Executions and ends of orders that the ledger lacks', (await stage.untold()) || 'none', 'none'),
          ]
        : []),
      atMost('silence', 'Longest time without an accepted order meanwhile', stage.longestSilenceMs(sinceMs), silenceLimitMs, 'ms'),
      exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
      exactly('left-over', 'Locks, task sets, registrations and tasks left over', (await stage.leftOver('blue')).join(', ') || 'none', 'none'),
    ];
    return {
      outcome: restored.outcome, promises, steps: [...first.steps, ...restored.steps], modelledDurationMs: restored.modelledMs,
      figures: isRestored ? [
        { figure: `${Math.round(measured['rtoSeconds'] ?? 0)} s`, meaning: 'from the start until the restored database was in use, with the waiting for AWS compressed' },
        { figure: `${Math.round(measured['closedSeconds'] ?? 0)} s`, meaning: 'of these nobody wrote the ledger; trading went on' },
        { figure: `${measured['ordersFromTheJournal'] ?? 0}`, meaning: 'orders came back from the journal, at least' },
      ] : [],
    };
  },
};

async function instancesIn(stage: Stage, region: string): Promise<readonly Instance[]> {
  return (await stage.operator<{ DBInstances: Instance[] }>('rds', 'DescribeDBInstances', {}, region)).DBInstances;
}

async function watermarks(stage: Stage): Promise<number> {
  const Bucket = `baton-${stage.environment}-evidence-${stage.settings.account}-${stage.home}`;
  return (await stage.operator<{ Contents: unknown[] }>('s3', 'ListObjectsV2', { Bucket, Prefix: 'watermarks/' })).Contents.length;
}
