/** The hour in which a drill has left something, and the one in which a drill runs. */
import { DrillTasks } from '../worlds/drill-tasks.ts';

export const scenarios = {
  left: async () => new DrillTasks({ old: 3, young: 0.5 }),
  running: async () => new DrillTasks({ young: 0.5 }),
  none: async () => new DrillTasks({}),
};
