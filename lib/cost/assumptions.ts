/**
 * What a bill depends on and no template says: hours, requests, GB. Each can be set (`--assume natGb=200`). What the settings
 * do say, such as how often a book may send orders and how long its lease is, is read from the templates instead.
 */

interface Assumption {
  readonly value: number;
  readonly unit: string;
  readonly why: string;
}

export const assumptions = {
  hours: { value: 730, unit: 'hours a month', why: 'as AWS counts a month' },
  tradingLoad: { value: 1, unit: 'share', why: 'of the time, a book sends BATON_ORDERS_PER_SECOND orders a second, as the reference trader does' },
  standbyTasks: { value: 0.5, unit: 'share', why: 'of the tasks of a book run, warm, in the Region that is not home' },
  warmHours: { value: 4, unit: 'hours a month', why: 'two colours run at once: cutovers with their rollback window' },
  journalMonths: { value: 1, unit: 'months', why: 'of orders are in the journal: somebody prunes what the ledger has' },
  orderKb: { value: 0.75, unit: 'KB', why: 'that an order takes in the journal, intent and outcome' },
  natGb: { value: 50, unit: 'GB a month', why: 'through the NAT gateways of the home Region: the venue, AWS endpoints without a gateway, images' },
  internetGb: { value: 20, unit: 'GB a month', why: 'sent to the venue from the home Region' },
  zoneGb: { value: 50, unit: 'GB a month', why: 'between zones: tasks to database and cache, their replicas; charged in both directions' },
  ledgerGb: { value: 30, unit: 'GB a month', why: "of PostgreSQL's log sent to the read replica in the other Region" },
  backupShare: { value: 1.3, unit: 'share', why: 'of the allocated storage in automated backups and snapshots; AWS charges what exceeds the allocated storage' },
  vaultGb: { value: 40, unit: 'GB', why: 'of snapshots of the database in a vault of AWS Backup: what is used of it once, and what has changed' },
  cacheSnapshotGb: { value: 0.1, unit: 'GB', why: 'in a snapshot of the cache, one a day kept for the retention' },
  taskLogGb: { value: 2, unit: 'GB a month', why: 'logged by the tasks of a book in the home Region' },
  databaseLogGb: { value: 0.5, unit: 'GB a month', why: 'of logs of PostgreSQL' },
  functionLogGb: { value: 0.05, unit: 'GB a month', why: 'of logs of a function or a state machine' },
  flowLogGb: { value: 5, unit: 'GB a month', why: 'of flow logs' },
  logCompression: { value: 0.15, unit: 'share', why: 'of what was ingested remains to be stored' },
  clusterMetrics: { value: 13, unit: 'metrics', why: 'that Container Insights publishes of a cluster in use' },
  serviceMetrics: { value: 14, unit: 'metrics', why: 'that it publishes of a service' },
  familyMetrics: { value: 10, unit: 'metrics', why: 'that it publishes of a task definition that runs' },
  keyRotations: { value: 1, unit: 'rotations', why: 'of each key are kept, the first two of which cost as much as a key' },
  keyRequests: { value: 20_000, unit: 'requests a month', why: 'with each key' },
  secretRequests: { value: 5000, unit: 'requests a month', why: 'for each secret' },
  invocations: { value: 500, unit: 'a month', why: 'of a function that no schedule calls' },
  functionSeconds: { value: 0.3, unit: 'seconds', why: 'that an invocation takes' },
  executions: { value: 8, unit: 'a month', why: 'of each state machine' },
  transitions: { value: 150, unit: 'state transitions', why: 'in an execution' },
  reportGb: { value: 0.5, unit: 'GB', why: 'in a bucket' },
  reportsWritten: { value: 200, unit: 'requests a month', why: 'that write to a bucket' },
  imageGb: { value: 3, unit: 'GB', why: 'in an image repository' },
  emails: { value: 100, unit: 'a month', why: 'sent by a topic' },
} as const satisfies Readonly<Record<string, Assumption>>;

export type AssumptionName = keyof typeof assumptions;
export type Assumed = Readonly<Record<AssumptionName, number>>;

/** An assumption that nobody makes, or a value that is none. */
export class AssumptionError extends Error {
  override readonly name = 'AssumptionError';
}

/** @param given `name=value`, as typed */
export function assumed(given: readonly string[] = []): Assumed {
  const values = Object.fromEntries(Object.entries(assumptions).map(([name, { value }]) => [name, value])) as Record<AssumptionName, number>;
  for (const pair of given) {
    const [, name = '', text = ''] = /^(\w+)=(.+)$/.exec(pair) ?? [];
    if (!Object.hasOwn(assumptions, name)) {
      throw new AssumptionError(`'${pair}' sets no assumption. Write name=value with one of: ${Object.keys(assumptions).join(', ')}.`);
    }
    const value = Number(text);
    if (!Number.isFinite(value) || value < 0) {
      throw new AssumptionError(`'${pair}': seen '${text}'. Give a number of 0 or more (${assumptions[name as AssumptionName].unit}).`);
    }
    values[name as AssumptionName] = value;
  }
  return values;
}
