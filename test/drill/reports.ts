/** Reports of drills as a bucket holds them, a month apart. */
import type { DrillReport } from '../../lib/contracts/drill.ts';

const monthMs = 30 * 86_400_000;
const newestMs = Date.UTC(2026, 10, 1, 2);

/** @param back so many months ago */
export function reportOf(back: number, more: Partial<Omit<DrillReport, 'measures'>> & { readonly measures?: Partial<DrillReport['measures']> } = {}): DrillReport {
  const begunAt = new Date(newestMs - back * monthMs).toISOString();
  return {
    installation: 'baton-production', name: `baton-production-drill-${back}`, execution: 'e', book: 'alpha', requestedBy: 'the schedule', reason: 'By the calendar', region: 'us-west-2', lost: 'us-east-1',
    release: { trader: 'sha256:a', guard: 'sha256:b' }, recoveryPointArn: 'arn', createdAt: begunAt, begunAt, endedAt: begunAt, passed: true,
    objectives: { restoreSeconds: 3600, recoveryPointSeconds: 9000, ordersSeconds: 8 }, slower: [], why: '', leftOver: '', ...more,
    measures: { restoreSeconds: 1400 + 40 * (back % 4), recoveryPointSeconds: 3100, startSeconds: 62, ordersSeconds: 5.4, ledgerSeconds: 1.8, totalSeconds: 2300, ...more.measures },
  };
}
