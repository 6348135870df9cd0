/** One book and its canary on the venue's test network, the smallest sizes, one NAT gateway. */
import type { SettingsInput } from './schema.ts';

export const dev: SettingsInput = {
  environment: 'dev',
  account: '111111111111',
  regions: {
    first: { name: 'us-east-1', zones: ['us-east-1a', 'us-east-1b', 'us-east-1c'], cidr: '10.20.0.0/16' },
    second: { name: 'us-west-2', zones: ['us-west-2a', 'us-west-2b', 'us-west-2c'], cidr: '10.21.0.0/16' },
    witness: { name: 'us-east-2' },
  },
  home: 'us-east-1',
  books: [
    {
      name: 'alpha',
      capital: 100_000,
      canary: 'alphac',
      venue: 'bybit',
      venueUrl: 'https://api-testnet.bybit.com',
      symbol: 'BTC/USDT',
      ordersPerSecond: 10,
      requires: [],
      migrations: true,
      deploymentWindow: 'always',
    },
    {
      // Its canary: a sub-account of its own.
      name: 'alphac',
      capital: 10_000,
      venue: 'bybit',
      venueUrl: 'https://api-testnet.bybit.com',
      symbol: 'BTC/USDT',
      ordersPerSecond: 10,
      requires: [],
      migrations: true,
      deploymentWindow: 'always',
    },
  ],
  lease: { leaseMs: 5000 },
  network: { natGateways: 1, venuePorts: [443] },
  database: { instanceClass: 't4g.micro', allocatedGb: 20, retentionDays: 7, deletionProtection: false },
  cache: { nodeType: 'cache.t4g.micro', nodes: 2, snapshotRetentionDays: 1 },
  backups: { locked: false, cacheSnapshotsADay: 1 },
  cutover: { healthySeconds: 60, drainSeconds: 120, proveSeconds: 20, bakeSeconds: 120, rollbackWindowSeconds: 300 },
  canary: { watchMinutes: 15 },
  recovery: { rpoSeconds: 300, automatic: false, silentLeases: 12, holdDownMinutes: 60 },
  verification: { schedule: 'cron(0 10 ? * SUN *)', verifiedWithinHours: 168, staleMinutes: 90, sealed: false },
  approvals: { required: 0, approvers: ['permission-set/BatonApprover'], withinMinutes: 10 },
  keys: { rotateDays: 90, graceHours: 24, warnDays: [30, 14, 7, 1] },
  notifications: { emails: [] },
  budget: { monthlyUsd: 720, anomalyUsd: 25 },
  logs: { retentionDays: 30 },
  tags: { CostCenter: 'trading', Project: 'baton', Owner: 'trading-platform' },
};
