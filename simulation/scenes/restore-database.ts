/** Restores of the database: one that is sound, one that is not, one whose name RDS does not give, and one that is stopped when nothing has the name. */
import { ago, RestoreWorld } from '../worlds/restore.ts';
import { found } from '../worlds/verification.ts';

export const acceptDataLoss = { reason: 'its own tables are rebuilt', approvedBy: 'grace' };
export const request = { to: ago(30), reason: 'rows were deleted', requestedBy: 'ada', acceptDataLoss };
export const worldWith = (more: Partial<RestoreWorld> = {}) => async (): Promise<RestoreWorld> => Object.assign(await RestoreWorld.home(), more);

export const scenarios = {
  healthy: worldWith(),
  unsound: worldWith({ findings: [found('rows', false, 'fills has 0 of the 9 rows')] }),
  refused: worldWith({ givesTheName: false }),
  cut: worldWith({ cut: { state: 'Swap the names of the two databases', times: 3 } }),
};
