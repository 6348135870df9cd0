/** Restores of the database: one that is sound, one that is not, and one whose name RDS does not give. */
import { here } from '../worlds/recovery.ts';
import { ago, RestoreWorld } from '../worlds/restore.ts';
import { found } from '../worlds/verification.ts';

export const executionArn = `arn:aws:states:${here}:111111111111:execution:baton-dev-restore-database:run-1`;
export const acceptDataLoss = { reason: 'its own tables are rebuilt', approvedBy: 'grace' };
export const request = { to: ago(30), reason: 'rows were deleted', requestedBy: 'ada', acceptDataLoss };
export const worldWith = (more: Partial<RestoreWorld> = {}) => async (): Promise<RestoreWorld> => Object.assign(await RestoreWorld.home(), more);

export const scenarios = {
  healthy: worldWith(),
  unsound: worldWith({ findings: [found('rows', false, 'fills has 0 of the 9 rows')] }),
  refused: worldWith({ givesTheName: false }),
};
