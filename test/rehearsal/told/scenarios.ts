/** Scenarios of `npm run rehearse` on the smallest settings, with typical delays. */
import { expect, test } from 'vitest';
import { halt } from '../../../rehearsal/scenarios/halt.ts';
import { positionMismatch } from '../../../rehearsal/scenarios/position-mismatch.ts';
import { revokeKeyNow } from '../../../rehearsal/scenarios/revoke-key-now.ts';
import { rollback } from '../../../rehearsal/scenarios/rollback.ts';
import { rotateExchangeKey } from '../../../rehearsal/scenarios/rotate-exchange-key.ts';
import type { Scenario } from '../../../rehearsal/scenarios/scenario.ts';
import { Stage } from '../../../rehearsal/stage.ts';
import { assemblyOf } from '../../assemblies.ts';
import { losesThenHealthy } from './canary.ts';
import { endingOn, expectHeldBesideOthers, silent, type Ending } from './ending.ts';

const boundMs = 400_000;

export const stories = {
  'a halt, and a resume': () => told('a halt', halt),
  'a halt that the holder cannot hear, and a resume': () => told('a halt that the holder cannot hear', halt, 'holder-cut-off'),
  'a rollback to a warm colour, and one to a cold revision': () => told('a rollback', rollback),
  'coins moved by hand, found at a takeover, and a resume': () => told('coins moved by hand', positionMismatch, 'found-at-takeover'),
  'a key that is rotated by a function that dies on the way': () => told('a key that is rotated', rotateExchangeKey, 'crash-before-store'),
  'a key that is revoked at once': () => told('a key that is revoked at once', revokeKeyNow),
  'a canary that loses, then a healthy one': losesThenHealthy,
} satisfies Readonly<Record<string, () => Promise<Ending>>>;

/** A test of each. */
export function areKept(...names: readonly (keyof typeof stories)[]): void {
  test.each(names)('%s', async (name) => expectHeldBesideOthers(name, await stories[name]()), boundMs);
}

async function told(name: string, scenario: Scenario, ...faults: readonly string[]): Promise<Ending> {
  const stage = await Stage.open({ assembly: assemblyOf('dev'), seed: 1, progress: silent, provisioning: 'typical', cuttable: faults.length > 0 });
  try {
    const { promises } = await scenario.run(stage, new Set(faults));
    expect(stage.permissions.surprises).toEqual([]);
    return await endingOn(stage, name, promises);
  } finally {
    await stage.close();
  }
}
