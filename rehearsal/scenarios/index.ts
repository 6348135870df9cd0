/** Every scenario, in the order in which `npm run rehearse` begins them: what takes longest early. */
import { automaticFailover } from './automatic-failover.ts';
import { backups } from './backups.ts';
import { budgetAlert } from './budget-alert.ts';
import { budgetResponse } from './budget-response.ts';
import { canary } from './canary.ts';
import { costReport } from './cost-report.ts';
import { cutover } from './cutover.ts';
import { databaseRequired } from './database-required.ts';
import { drDrill } from './dr-drill.ts';
import { failback } from './failback.ts';
import { failover } from './failover.ts';
import { halt } from './halt.ts';
import { keyInLostRegion } from './key-in-lost-region.ts';
import { marketHours } from './market-hours.ts';
import { positionMismatch } from './position-mismatch.ts';
import { restoreDatabase } from './restore-database.ts';
import { revokeKeyNow } from './revoke-key-now.ts';
import { rollback } from './rollback.ts';
import { rotateDatabase } from './rotate-database.ts';
import { rotateExchangeKey } from './rotate-exchange-key.ts';
import type { Scenario } from './scenario.ts';
import { switchover } from './switchover.ts';
import { takeover } from './takeover.ts';
import { verifyBackup } from './verify-backup.ts';

export const scenarios: readonly Scenario[] = [
  cutover, failover, switchover, failback, takeover, rollback, halt, positionMismatch, rotateDatabase, canary,
  rotateExchangeKey, revokeKeyNow, keyInLostRegion, budgetAlert, budgetResponse, marketHours, costReport, databaseRequired, automaticFailover, backups,
  verifyBackup, restoreDatabase, drDrill,
];
