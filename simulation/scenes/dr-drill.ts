/** Drills: one that is passed, and one whose database never comes. */
import { DrillWorld } from '../worlds/drill.ts';

export const worldWith = (more: Partial<DrillWorld> = {}) => () => DrillWorld.standing(more);
export const scenarios = {
  healthy: worldWith(),
  stuck: worldWith({ restoredAs: 'stuck' }),
};
