/** Verifications of a backup: with a cache and without one, and one that is never restored. */
import { VerificationWorld } from '../worlds/verification.ts';

export const worldWith = (more: Partial<VerificationWorld> = {}) => async (): Promise<VerificationWorld> => Object.assign(new VerificationWorld(), more);
export const scenarios = {
  healthy: worldWith(),
  noCache: worldWith({ cacheSnapshot: undefined }),
  stuck: worldWith({ restoredAs: 'stuck' }),
};
