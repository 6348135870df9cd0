/** Real money. */
import type { SettingsInput } from './schema.ts';

export const production: SettingsInput = {
  environment: 'production',
  account: '333333333333',
  regions: {
    first: { name: 'us-east-1', zones: ['us-east-1a', 'us-east-1b', 'us-east-1c'], cidr: '10.28.0.0/16' },
    second: { name: 'us-west-2', zones: ['us-west-2a', 'us-west-2b', 'us-west-2c'], cidr: '10.29.0.0/16' },
    witness: { name: 'us-east-2' },
  },
  home: 'us-east-1',
  books: [
    {
      name: 'alpha',
      capital: 100_000,
      venue: 'bybit',
      venueUrl: 'https://api.bybit.com',
      symbol: 'BTC/USDT',
      ordersPerSecond: 10,
      task: { vcpu: 1, memoryGb: 2 },
      requires: [],
      migrations: true,
      deploymentWindow: 'always',
    },
  ],
  lease: { leaseMs: 5000 },
  network: { natGateways: 2, venuePorts: [443] },
  database: { instanceClass: 't4g.medium', allocatedGb: 100, retentionDays: 30, deletionProtection: true },
  cache: { nodeType: 'cache.t4g.small', nodes: 2, snapshotRetentionDays: 7 },
  backups: { locked: true, cacheSnapshotsADay: 12 },
  cutover: { healthySeconds: 60, drainSeconds: 120, proveSeconds: 20, bakeSeconds: 120, rollbackWindowSeconds: 300 },
  canary: { watchMinutes: 60 },
  recovery: { rpoSeconds: 300, automatic: false, silentLeases: 12, holdDownMinutes: 60 },
  verification: { schedule: 'cron(0 10 * * ? *)', verifiedWithinHours: 36, staleMinutes: 90, sealed: true },
  drill: { schedule: 'cron(0 2 ? * 1#1 *)', passedWithinDays: 40, restoreMinutes: 60, recoveryPointMinutes: 150 },
  approvals: { required: 2, approvers: ['permission-set/BatonApprover'], withinMinutes: 30 },
  credentials: { rotateDays: 30 },
  notifications: { emails: [], slack: true, pagerDuty: true },
  keys: { rotateDays: 90, graceHours: 24, warnDays: [30, 14, 7, 1] },
  budget: { monthlyUsd: 880, anomalyUsd: 50, byTag: { Book: 110 } },
  logs: { retentionDays: 90 },
  tags: { CostCenter: 'trading', Project: 'baton', Owner: 'trading-platform' },
};
