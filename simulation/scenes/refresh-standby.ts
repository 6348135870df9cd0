/** Refreshes of the standby Region: the book is traded in the other one. */
import { book, CutoverWorld, images, region } from '../worlds/cutover.ts';

export const execution = `arn:aws:states:${region}:111111111111:execution:baton-dev-refresh-standby:run-1`;
export const home = 'us-west-2';
export const live = { imageDigest: images.trader, guardDigest: images.guard, taskDefinition: `arn:aws:ecs:${home}:1:task-definition/baton-dev-alpha:7` };

/** A book that is traded in the other Region; nothing runs of it in this one. */
export async function first(): Promise<CutoverWorld> {
  const world = await CutoverWorld.new();
  world.set({ home, mode: 'open', live });
  return world;
}

/** Blue stands by with an older release. */
export async function second(): Promise<CutoverWorld> {
  const world = await first();
  world.taskSets.push({ Id: 'ts-old', ExternalId: 'blue', TaskDefinition: 'old:1', Status: 'PRIMARY', looks: 9 });
  world.primary = 'ts-old';
  world.register('blue', 1, 'sha256:old');
  return world;
}

export const scenarios = {
  second,
  first,
  unhealthy: async () => Object.assign(await second(), { standbysReady: false }),
  tasksStuck: async () => Object.assign(await second(), { tasksRun: false }),
  leftover: async () => {
    const world = await second();
    world.taskSets.push({ Id: 'ts-left', ExternalId: 'green', TaskDefinition: 'x', Status: 'ACTIVE', looks: 0 });
    return world;
  },
};
export const request = { book };
