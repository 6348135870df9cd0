/**
 * Whether a healthy backup is ever called doubtful: a ledger is written all the while, and again and again it is counted, backed up for real, restored into a server of its
 * own, and looked into as a verification does, down to its pages. Beside it, how long a check takes.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientBase } from 'pg';
import { migrate } from '../containers/trader/migrations/run.ts';
import type { Finding, Watermark } from '../lib/contracts/verification.ts';
import { ensureRoles } from '../lib/data-credentials/roles.ts';
import { judgeLedger } from '../lib/verification/ledger.ts';
import { checksumsOn, inspectPart, partsOf } from '../lib/verification/physical.ts';
import { takeWatermark } from '../lib/verification/watermark.ts';
import { serverDirectory, startPostgres, startRestored } from '../rehearsal/processes/postgres.ts';
import { BusyLedger } from '../test/verification/busy-ledger.ts';
import type { Bench } from './bench.ts';
import { DatabaseSite, master } from './database-site.ts';
import { noneOf, rowOf } from './row.ts';

const installation = 'baton-bench';
const staleMinutes = 60;
const ordersAtFirst = 1500;
/** Between a watermark and the backup after it. */
const ordersBetween = 40;
/** While a backup is made. */
const ordersMeanwhile = 400;

export const falseAlarms: Bench = {
  name: 'false-alarms',
  summary: 'Healthy backups of a ledger that is written, restored and looked into.',
  async run({ quick, progress }) {
    await using site = await DatabaseSite.open();
    const source = await startPostgres({ ...site.host('source'), ...master });
    const client = await site.connect(source);
    await migrate(client, 'expansion', { log: () => undefined });
    await ensureRoles(client);
    const ledger = new BusyLedger(() => site.clientOf(source), 1);
    ledger.trade(ordersAtFirst);
    await ledger.settled();
    const backups = quick ? 3 : 50;
    const alarms: string[] = [];
    const tookMs: number[] = [];
    try {
      for (let each = 1; each <= backups; each += 1) {
        const watermark = await takeWatermark(client, { id: `00000000-0000-4000-8000-${String(each).padStart(12, '0')}`, installation });
        ledger.trade(ordersBetween);
        const directory = join(site.directory, `restored-${each}`);
        const base = join(await serverDirectory(directory), 'base');
        const venueFills = [...ledger.venueFills];
        ledger.tradeMeanwhile(ordersMeanwhile);
        await source.backUp(base);
        const createdAt = new Date();
        const restored = await startRestored({ ...site.host(`restored-${each}`), base });
        const reader = await site.connect(restored);
        const beganMs = performance.now();
        const wrong = (await look(reader, ledger, { watermark, createdAt, venueFills })).filter(({ ok }) => !ok);
        tookMs.push(performance.now() - beganMs);
        alarms.push(...wrong.map(({ check, seen }) => `backup ${each}: ${check}: ${seen}`));
        await reader.end();
        await restored.stop();
        await rm(directory, { recursive: true });
        progress.note(`backup ${each} of ${backups}: ${wrong.length === 0 ? 'found right' : alarms.at(-1)}`);
      }
    } finally {
      await ledger.close();
    }
    return [
      noneOf('false alarms', `Healthy backups, of ${backups} that were restored, with anything that was called wrong`, alarms.length),
      rowOf({ name: 'false alarms: check', what: 'All that is looked at in a small ledger, down to its pages', samples: tookMs, unit: 'ms' }),
    ];
  },
};

async function look(
  client: ClientBase, ledger: BusyLedger, against: { readonly watermark: Watermark | undefined; readonly createdAt: Date; readonly venueFills: BusyLedger['venueFills'] },
): Promise<readonly Finding[]> {
  const findings: Finding[] = [await checksumsOn(client)];
  for (const part of await partsOf(client)) findings.push(await inspectPart(client, part));
  findings.push(...(await judgeLedger(client, { installation, staleMinutes, journal: ledger.journal, ...against })).findings);
  return findings;
}
