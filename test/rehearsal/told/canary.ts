/**
 * The canary on the real system: rolled back, and then promoted, on one installation: what it goes back to is what the next
 * telling finds. The other tellings differ in what is judged (test/cutover/canary.test.ts) and in branches of the machine
 * (test/workflows/canary.test.ts); `npm run rehearse -- canary --env dev --fault NAME` tells them.
 */
import { expect } from 'vitest';
import type { PromiseKept } from '../../../rehearsal/report/report.ts';
import { open, trials, tried } from '../../../rehearsal/scenarios/canary.ts';
import { Stage } from '../../../rehearsal/stage.ts';
import { installationOf } from '../installed.ts';
import { endingOn, type Ending } from './ending.ts';

/** What every machine has and no rehearsal needs, and what the other tellings use. */
const usedElsewhere = /^(xray|logs):|^lambda:InvokeFunction on .*:\*$|baton-dev-halt/;

export const canaryStory = 'a canary that loses, then a healthy one';

export async function losesThenHealthy(): Promise<Ending> {
  const stage = await Stage.open(await installationOf('dev'));
  try {
    const loses = trials.find(({ name }) => name === 'canary-loses');
    expect(loses).toBeDefined();
    const promises: PromiseKept[] = [(await open(stage, loses)).opened];
    for (const trial of [loses, undefined]) promises.push(...(await tried(stage, trial)).promises);
    expect(stage.permissions.surprises).toEqual([]);
    // The production settings have no canary, so the recorded accesses do not know its machine's role.
    const unused = stage.permissions.unusedGrants().filter(({ role }) => role.includes('CanaryMachineRole'));
    expect(unused.map(({ action, resource }) => `${action} on ${resource}`).filter((grant) => !usedElsewhere.test(grant))).toEqual([]);
    return await endingOn(stage, canaryStory, promises);
  } finally {
    await stage.close();
  }
}
