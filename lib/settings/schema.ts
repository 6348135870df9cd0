/**
 * Everything that differs between environments, as one schema. Sizes and retention differ, shape does not.
 * Parsed once, at synth, before any resource exists: a wrong setting costs a second, not a deployment.
 */
import * as z from 'zod';
import { marketCalendars } from '../contracts/change.ts';
import { shadowBook } from '../contracts/drill.ts';
import { isTaskSize } from '../contracts/task-size.ts';

/** Parts of names of AWS resources: some of those hold 32 characters only. */
const environmentName = z.string().regex(/^[a-z][a-z0-9]{1,11}$/, '2–12 lower-case letters and digits, starting with a letter');
const accountId = z.string().regex(/^\d{12}$/, 'the 12 digits of an AWS account');
const regionName = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a Region such as us-east-1');
const privateRange = /^(10|172|192)\.\d{1,3}\.\d{1,3}\.0\/(1[6-9]|20)$/;
const usd = z.int().min(1);
const seconds = (least: number, most: number): z.ZodInt => z.int().min(least).max(most);

/** CloudWatch Logs takes these numbers and no other. */
const logRetentionDays = z.literal([7, 14, 30, 90, 180, 365]);

/**
 * Where global tables offer strong consistency, and who may be in one with whom (DynamoDB Developer Guide,
 * "Multi-Region strong consistency").
 */
const strongRegionSets: ReadonlyArray<readonly string[]> = [
  ['us-east-1', 'us-east-2', 'us-west-2'],
  ['eu-west-1', 'eu-west-2', 'eu-west-3', 'eu-central-1'],
  ['ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3'],
];

const Region = z.strictObject({
  name: regionName,
  /** Named, not looked up: synth needs no credentials, and a subnet never moves because a list was reordered. */
  zones: z.array(z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/, 'a zone such as us-east-1a')).length(3),
  cidr: z.string().regex(privateRange, 'a private IPv4 range between /16 and /20, such as 10.20.0.0/16'),
});

const bookName = z.string().regex(/^[a-z][a-z0-9]{0,9}$/, '1–10 lower-case letters and digits, starting with a letter');

const Book = z.strictObject({
  /** A sub-account traded by one strategy; part of every client order id, hence so short. */
  name: bookName,
  /** What is in the sub-account, in the quote currency: sizes of orders follow it, and a canary's loss is a share of it. */
  capital: z.int().min(100),
  /** Another of these books, on which a release is tried before this one gets it. */
  canary: z.optional(bookName),
  venue: z.enum(['bybit']),
  venueUrl: z.url({ protocol: /^https?$/ }),
  /** For a bot that cannot be changed: the hosts and ports that the guard's forward proxy reaches, none for a bot that asks for permits. */
  orderHosts: z.array(z.string().regex(/^[a-z0-9.-]+:\d{1,5}$/, 'host:port, such as api.bybit.com:443')).default([]),
  symbol: z.string().regex(/^[A-Z0-9]{2,20}\/[A-Z0-9]{2,20}(:[A-Z0-9]{2,20})?$/, 'a ccxt symbol such as BTC/USDT'),
  ordersPerSecond: z.int().min(1).max(10),
  /** How large each of its tasks is: a cutover starts what is of the new size. 1 vCPU and 2 GB, until two weeks say otherwise. */
  task: z
    .strictObject({ vcpu: z.number(), memoryGb: z.number() })
    .refine(isTaskSize, 'what Fargate takes together, such as 1 vCPU and 2 to 8 GB, up to 4 vCPU and 30 GB'),
  /** What must answer before this book's bot counts as ready. */
  requires: z.array(z.enum(['database'])),
  /** Whether the trader's image knows the command `migrate`, which a cutover runs before it starts a release. */
  migrations: z.boolean(),
  /** By the calendar of its market: cutovers are let in only while that is closed, or always. */
  deploymentWindow: z.enum(marketCalendars),
});

/** A function that watches for silence runs as long; Lambda ends it after fifteen minutes. */
const longestWatchMs = 600_000;

export const Settings = z
  .strictObject({
    environment: environmentName,
    account: accountId,
    /** For ever: resources are declared in them. */
    regions: z.strictObject({
      /** Where the tables, the secrets and the first database are declared, and where an installation begins. */
      first: Region,
      second: Region,
      /** Holds no data that anyone reads; its vote makes the lease table strongly consistent. */
      witness: z.strictObject({ name: regionName }),
    }),
    /** Which of the two trades: the one thing that moves. Machines move it; this follows them (docs/runbooks/failover.md). */
    home: regionName,
    books: z.array(Book).min(1),
    lease: z.strictObject({
      /** What a book's lease item is created with; changes later only together with a new epoch. */
      leaseMs: z.int().min(1000).max(60_000),
    }),
    network: z.strictObject({
      natGateways: z.int().min(1).max(3),
      /** Where orders go: security groups know ports, not names. */
      venuePorts: z.array(z.int().min(1).max(65_535)).min(1),
    }),
    database: z.strictObject({
      instanceClass: z.string().regex(/^[a-z0-9]+\.[a-z0-9]+$/, 'without the db. prefix, such as m7g.large'),
      allocatedGb: z.int().min(20).max(16_384),
      retentionDays: z.int().min(1).max(35),
      deletionProtection: z.boolean(),
    }),
    cache: z.strictObject({
      nodeType: z.string().regex(/^cache\.[a-z0-9]+\.[a-z0-9]+$/, 'such as cache.t4g.small'),
      /** One of them is the primary; automatic failover needs a second. */
      nodes: z.int().min(2).max(6),
      snapshotRetentionDays: z.int().min(1).max(35),
    }),
    backups: z.strictObject({
      /** Whether nobody at all, root included, may delete a backup before its time: for good, from a week after the first deployment on. */
      locked: z.boolean(),
      /** Of the cache, each exported to a bucket; ElastiCache takes 20 in a day, and one of these is its own. */
      cacheSnapshotsADay: z.union([1, 2, 3, 4, 6, 8, 12].map((often) => z.literal(often)), 'a whole number of hours apart: 1, 2, 3, 4, 6, 8 or 12'),
    }),
    cutover: z.strictObject({
      /** How long the new colour may take until it is healthy and reconciled. */
      healthySeconds: seconds(30, 300),
      /** How long the old colour may take to let its requests finish. */
      drainSeconds: seconds(10, 300),
      /** How long the new colour may take to have orders accepted. */
      proveSeconds: seconds(10, 300),
      bakeSeconds: seconds(60, 1800),
      /** How long the old colour stays warm after the bake. */
      rollbackWindowSeconds: seconds(60, 3600),
    }),
    canary: z.strictObject({
      /** How long a release is watched on a canary before the book gets it. */
      watchMinutes: z.int().min(10).max(240),
    }),
    recovery: z.strictObject({
      /** How far behind the standby's database may be and still be promoted without a person who accepts the loss. */
      rpoSeconds: seconds(5, 900),
      /** Whether the standby Region takes over by itself. */
      automatic: z.boolean(),
      /** By itself, only after this many lease times without a renewal. */
      silentLeases: z.int().min(3).max(120),
      /** And never again within this time of a move. */
      holdDownMinutes: z.int().min(10).max(1440),
    }),
    verification: z.strictObject({
      /** When the newest backup is restored and looked into, as EventBridge Scheduler writes it, in UTC. */
      schedule: z.string().regex(/^(cron|rate)\(.+\)$/, 'cron(…) or rate(…), such as cron(0 10 * * ? *)'),
      /** Longer ago, and people hear that no backup is proved. */
      verifiedWithinHours: z.int().min(2).max(168),
      /** What was committed last before a backup may be so old: a watermark comes every hour. */
      staleMinutes: z.int().min(61).max(1440),
      /** Whether nobody at all, root included, may remove what was found. */
      sealed: z.boolean(),
    }),
    drill: z.strictObject({
      /** When the loss of the home Region is rehearsed in the other one, as EventBridge Scheduler writes it, in UTC. */
      schedule: z.string().regex(/^cron\(.+\)$/, 'cron(…), such as cron(0 2 ? * 1#1 *), the first Sunday of a month at two'),
      /** Longer ago, and people hear that nobody knows whether the other Region would go on. */
      passedWithinDays: z.int().min(2).max(400),
      /** What a restore may take until the database answers. */
      restoreMinutes: z.int().min(5).max(240),
      /** How old the newest commit of a backup may be then: one is made every hour, and copied. */
      recoveryPointMinutes: z.int().min(61).max(1440),
    }),
    approvals: z.strictObject({
      /** Of different people, none of whom asked for the change. */
      required: z.int().min(0).max(5),
      /** Who may: a user, a role (all its sessions are one person), a permission set of IAM Identity Center. */
      approvers: z.array(
        z.string().regex(/^(user|role|permission-set)\/[\w+=,.@-]{1,64}$/, 'an identity such as permission-set/BatonApprover or user/ada'),
      ),
      withinMinutes: z.int().min(5).max(60),
    }),
    notifications: z.strictObject({
      emails: z.array(z.email()),
      /** Whether the environment has them; where they are reached is a secret, which a person puts there (docs/runbooks/cost.md). */
      slack: z.boolean().default(false),
      pagerDuty: z.boolean().default(false),
    }),
    credentials: z.strictObject({
      /** The logins of the database and the token of Redis are replaced every so many days. */
      rotateDays: z.int().min(1).max(365),
    }),
    keys: z.strictObject({
      /** A book's exchange key is replaced every so many days; Secrets Manager takes up to 1000, and no venue's key lives as long. */
      rotateDays: z.int().min(1).max(365),
      /** How long the old key still works after the new one is proved by every task. */
      graceHours: z.int().min(1).max(168),
      /** People are told once when a key has so many days left, each time. */
      warnDays: z.array(z.int().min(1).max(90)).min(1),
    }),
    logs: z.strictObject({ retentionDays: logRetentionDays }),
    budget: z.strictObject({
      /** For the whole account, in all Regions. `npm run cost` says what to expect. */
      monthlyUsd: usd,
      /** What is out of the ordinary and below it is nobody's concern. */
      anomalyUsd: usd,
      /** For what carries this environment's value of a tag, its tasks among it; `Book`: for each book. It tells people, and nothing acts on it. */
      byTag: z
        .strictObject({ CostCenter: z.optional(usd), Project: z.optional(usd), Owner: z.optional(usd), Book: z.optional(usd) })
        .default({}),
      /** Whether the database has the class of a spent budget while the books' market is closed, too. */
      offHours: z.boolean().default(false),
      /** What a spent budget makes of the database, until it is undone; absent where it keeps its size whatever it costs. */
      spentDatabaseClass: z.optional(z.string().regex(/^[a-z0-9]+\.[a-z0-9]+$/, 'without the db. prefix, such as t4g.micro')),
    }),
    tags: z.strictObject({
      CostCenter: z.string().min(1),
      Project: z.string().min(1),
      Owner: z.string().min(1),
    }),
  })
  .superRefine((settings, context) => {
    const { recovery, lease } = settings;
    if (recovery.silentLeases * lease.leaseMs > longestWatchMs) {
      context.addIssue({
        code: 'custom', path: ['recovery', 'silentLeases'], message: `so many leases of ${lease.leaseMs} ms as are over in ${longestWatchMs / 60_000} minutes: one look lasts as long`,
      });
    }
    const { first, second, witness } = settings.regions;
    const names = [first.name, second.name, witness.name];
    if (!strongRegionSets.some((set) => names.every((name) => set.includes(name)))) {
      const sets = strongRegionSets.map((set) => set.join(', ')).join('; or ');
      context.addIssue({ code: 'custom', path: ['regions'], message: `first, second and witness are of one Region set: ${sets}` });
    }
    if (new Set(names).size < names.length) {
      context.addIssue({ code: 'custom', path: ['regions'], message: 'first, second and witness must be three different Regions' });
    }
    if (settings.home !== first.name && settings.home !== second.name) {
      context.addIssue({ code: 'custom', path: ['home'], message: `${first.name} or ${second.name}` });
    }
    for (const each of ['first', 'second'] as const) {
      const region = settings.regions[each];
      if (!region.zones.every((zone) => zone.startsWith(region.name)) || new Set(region.zones).size < region.zones.length) {
        context.addIssue({ code: 'custom', path: ['regions', each, 'zones'], message: `three different zones of ${region.name}` });
      }
    }
    if (first.cidr === second.cidr) {
      context.addIssue({ code: 'custom', path: ['regions', 'second', 'cidr'], message: 'other addresses than those of the first Region' });
    }
    const { required, approvers } = settings.approvals;
    const people = approvers.filter((approver) => !approver.startsWith('permission-set/'));
    if (people.length === approvers.length && people.length < required) {
      context.addIssue({ code: 'custom', path: ['approvals', 'approvers'], message: `at least ${required} who may approve` });
    }
    const books = settings.books.map((book) => book.name);
    if (new Set(books).size < books.length) {
      context.addIssue({ code: 'custom', path: ['books'], message: 'each book needs a name of its own' });
    }
    const shadow = settings.books.findIndex(({ name }) => name === String(shadowBook));
    if (shadow >= 0) context.addIssue({ code: 'custom', path: ['books', shadow, 'name'], message: `another name: ${shadowBook} is the book that drills trade on paper` });
    for (const [index, book] of settings.books.entries()) {
      const fault = faultOfCanary(book, settings.books);
      if (fault !== undefined) context.addIssue({ code: 'custom', path: ['books', index, 'canary'], message: fault });
    }
    const markets = new Set(settings.books.map(({ deploymentWindow }) => deploymentWindow));
    if (settings.budget.offHours && (markets.size > 1 || markets.has('always') || settings.budget.spentDatabaseClass === undefined)) {
      context.addIssue({ code: 'custom', path: ['budget', 'offHours'], message: "false, for all books need one market that closes, and the database a 'spentDatabaseClass'" });
    }
    if (settings.books.some(({ canary }) => canary !== undefined) && approvers.length === 0) {
      context.addIssue({ code: 'custom', path: ['approvals', 'approvers'], message: 'somebody who decides where a canary does not' });
    }
  })
  .transform(({ regions, ...settings }) => {
    const isFirst = settings.home === regions.first.name;
    const [home, standby] = isFirst ? [regions.first, regions.second] : [regions.second, regions.first];
    return { ...settings, regions: { ...regions, home, standby } };
  });

/** What a canary must be to its book; undefined when it is. */
function faultOfCanary(book: z.infer<typeof Book>, books: readonly z.infer<typeof Book>[]): string | undefined {
  if (book.canary === undefined) return undefined;
  const canary = books.find(({ name }) => name === book.canary);
  if (canary === undefined || canary === book) return 'the name of another book of these settings';
  if (canary.canary !== undefined) return 'a book that has no canary itself';
  if (books.filter((each) => each.canary === canary.name).length > 1) return 'a book that is the canary of no other';
  if (canary.capital * 10 > book.capital) return `a book with a tenth of the capital at most; ${canary.name} has ${canary.capital} of ${book.capital}`;
  const same = (['venue', 'venueUrl', 'symbol', 'deploymentWindow'] as const).every((setting) => canary[setting] === book[setting]);
  return same ? undefined : 'a book of the same venue, symbol and deployment window';
}

export type Settings = z.infer<typeof Settings>;
export type RegionSettings = z.infer<typeof Region>;
export type BookSettings = Settings['books'][number];
/** What an environment's file writes: the schema's input, so that tsc finds a missing setting before synth does. */
export type SettingsInput = z.input<typeof Settings>;
