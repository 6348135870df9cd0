/**
 * A changed, valid value for every setting, by the setting's path. The test fails when a setting has none, so
 * whoever adds a setting also says how it changes.
 */
import type { SettingsInput } from '../../lib/settings/schema.ts';

type Change = (settings: SettingsInput) => void;

export const changedSettings: Readonly<Record<string, Change>> = {
  environment: (s) => void (s.environment = 'other'),
  account: (s) => void (s.account = '999999999999'),
  // Three Regions of one set, and the American set has no fourth: so the others move too.
  'regions.first.name': (s) => {
    s.regions = european;
    s.home = 'eu-west-1';
  },
  'regions.first.zones': (s) => void (s.regions.first.zones[2] = 'us-east-1d'),
  'regions.first.cidr': (s) => void (s.regions.first.cidr = '10.98.0.0/16'),
  'regions.second.name': exchangeSecondAndWitness,
  'regions.second.zones': (s) => void (s.regions.second.zones[2] = 'us-west-2d'),
  'regions.second.cidr': (s) => void (s.regions.second.cidr = '10.99.0.0/16'),
  'regions.witness.name': exchangeSecondAndWitness,
  home: (s) => void (s.home = 'us-west-2'),
  books: (s) => void s.books.push({ ...s.books[0]!, name: 'beta' }),
  'books.name': (s) => void (s.books[0]!.name = 'omega'),
  'books.capital': (s) => void (s.books[0]!.capital = 50_000),
  'books.venueUrl': (s) => void (s.books[0]!.venueUrl = 'https://api.bytick.com'),
  'books.orderHosts': (s) => void (s.books[0]!.orderHosts = ['api.bybit.com:443']),
  'books.symbol': (s) => void (s.books[0]!.symbol = 'ETH/USDT'),
  'books.ordersPerSecond': (s) => void (s.books[0]!.ordersPerSecond = 5),
  'books.task.vcpu': (s) => void (s.books[0]!.task.vcpu = 0.5),
  'books.task.memoryGb': (s) => void (s.books[0]!.task.memoryGb = 4),
  'books.requires': (s) => void s.books[0]!.requires.push('database'),
  'books.migrations': (s) => void (s.books[0]!.migrations = false),
  'books.deploymentWindow': (s) => void (s.books[0]!.deploymentWindow = 'cme-futures'),
  'lease.leaseMs': (s) => void (s.lease.leaseMs = 8000),
  'network.natGateways': (s) => void (s.network.natGateways = s.network.natGateways === 1 ? 2 : 1),
  'network.venuePorts': (s) => void s.network.venuePorts.push(8443),
  'database.instanceClass': (s) => void (s.database.instanceClass = 'm7g.xlarge'),
  'database.allocatedGb': (s) => void (s.database.allocatedGb = 200),
  'database.retentionDays': (s) => void (s.database.retentionDays += 1),
  'database.deletionProtection': (s) => void (s.database.deletionProtection = !s.database.deletionProtection),
  'cache.nodeType': (s) => void (s.cache.nodeType = 'cache.m7g.xlarge'),
  'cache.nodes': (s) => void (s.cache.nodes = 3),
  'cache.snapshotRetentionDays': (s) => void (s.cache.snapshotRetentionDays += 1),
  'backups.locked': (s) => void (s.backups.locked = !s.backups.locked),
  'backups.cacheSnapshotsADay': (s) => void (s.backups.cacheSnapshotsADay -= 4),
  'cutover.healthySeconds': (s) => void (s.cutover.healthySeconds = 90),
  'cutover.drainSeconds': (s) => void (s.cutover.drainSeconds = 60),
  'cutover.proveSeconds': (s) => void (s.cutover.proveSeconds = 90),
  'cutover.bakeSeconds': (s) => void (s.cutover.bakeSeconds = 180),
  'cutover.rollbackWindowSeconds': (s) => void (s.cutover.rollbackWindowSeconds = 240),
  'canary.watchMinutes': (s) => void (s.canary.watchMinutes = 30),
  'recovery.rpoSeconds': (s) => void (s.recovery.rpoSeconds = 120),
  'recovery.automatic': (s) => void (s.recovery.automatic = true),
  'recovery.silentLeases': (s) => void (s.recovery.silentLeases = 20),
  'recovery.holdDownMinutes': (s) => void (s.recovery.holdDownMinutes = 120),
  'verification.schedule': (s) => void (s.verification.schedule = 'rate(12 hours)'),
  'verification.verifiedWithinHours': (s) => void (s.verification.verifiedWithinHours = 72),
  'verification.staleMinutes': (s) => void (s.verification.staleMinutes = 120),
  'drill.schedule': (s) => void (s.drill.schedule = 'cron(0 3 ? * 1#1 *)'),
  'drill.passedWithinDays': (s) => void (s.drill.passedWithinDays = 70),
  'drill.restoreMinutes': (s) => void (s.drill.restoreMinutes = 90),
  'drill.recoveryPointMinutes': (s) => void (s.drill.recoveryPointMinutes = 180),
  'verification.sealed': (s) => void (s.verification.sealed = !s.verification.sealed),
  'approvals.required': (s) => void (s.approvals.required = 1),
  'approvals.approvers': (s) => void s.approvals.approvers.push('user/ada', 'user/grace'),
  'approvals.withinMinutes': (s) => void (s.approvals.withinMinutes = 20),
  'credentials.rotateDays': (s) => void (s.credentials.rotateDays = 60),
  'keys.rotateDays': (s) => void (s.keys.rotateDays = 30),
  'keys.graceHours': (s) => void (s.keys.graceHours = 48),
  'keys.warnDays': (s) => void s.keys.warnDays.push(3),
  'notifications.emails': (s) => void s.notifications.emails.push('desk@example.com'),
  'notifications.slack': (s) => void (s.notifications.slack = !s.notifications.slack),
  'notifications.pagerDuty': (s) => void (s.notifications.pagerDuty = !s.notifications.pagerDuty),
  'budget.monthlyUsd': (s) => void (s.budget.monthlyUsd = 2000),
  'budget.spentDatabaseClass': (s) => void (s.budget.spentDatabaseClass = 't4g.small'),
  'budget.offHours': (s) => {
    s.books[0]!.deploymentWindow = 'us-equities';
    s.budget.spentDatabaseClass = 't4g.small';
    s.budget.offHours = true;
  },
  'budget.byTag.CostCenter': (s) => void (s.budget.byTag = { CostCenter: 700 }),
  'budget.byTag.Project': (s) => void (s.budget.byTag = { Project: 700 }),
  'budget.byTag.Owner': (s) => void (s.budget.byTag = { Owner: 700 }),
  'budget.byTag.Book': (s) => void (s.budget.byTag = { Book: 99 }),
  'budget.anomalyUsd': (s) => void (s.budget.anomalyUsd = 99),
  'logs.retentionDays': (s) => void (s.logs.retentionDays = 365),
  'tags.CostCenter': (s) => void (s.tags.CostCenter = 'other'),
  'tags.Project': (s) => void (s.tags.Project = 'other'),
  'tags.Owner': (s) => void (s.tags.Owner = 'other'),
};

const european: SettingsInput['regions'] = {
  first: { name: 'eu-west-1', zones: ['eu-west-1a', 'eu-west-1b', 'eu-west-1c'], cidr: '10.28.0.0/16' },
  second: { name: 'eu-central-1', zones: ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'], cidr: '10.29.0.0/16' },
  witness: { name: 'eu-west-3' },
};

function exchangeSecondAndWitness({ regions }: SettingsInput): void {
  regions.second = { ...regions.second, name: 'us-east-2', zones: ['us-east-2a', 'us-east-2b', 'us-east-2c'] };
  regions.witness = { name: 'us-west-2' };
}

/** Settings with one value that is valid, so that there is no change to try. */
export const unchangeable: readonly string[] = ['books.venue'];

/** Settings that production leaves out. */
export const leftOut: readonly string[] = ['budget.spentDatabaseClass', 'budget.byTag.CostCenter', 'budget.byTag.Project', 'budget.byTag.Owner'];

/** Every setting by its path: leaves, lists of plain values, and lists of records both as such and by member. */
export function settingPaths(settings: SettingsInput): string[] {
  const paths = new Set<string>();
  const visit = (value: unknown, path: string): void => {
    if (Array.isArray(value)) {
      paths.add(path);
      for (const item of value) if (typeof item === 'object') visit(item, path);
    } else if (value !== null && typeof value === 'object') {
      for (const [key, inner] of Object.entries(value)) visit(inner, path === '' ? key : `${path}.${key}`);
    } else {
      paths.add(path);
    }
  };
  visit(settings, '');
  return [...paths];
}
