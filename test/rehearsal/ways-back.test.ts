/** The ways back on the real system: their scenarios keep their promises. Each on an installation of its own, side by side. */
import { expect, test } from 'vitest';
import { inWords, mayBeSlowness, neverBroken, type PromiseKept } from '../../rehearsal/report/report.ts';
import type { Progress } from '../../rehearsal/report/progress.ts';
import { halt } from '../../rehearsal/scenarios/halt.ts';
import { positionMismatch } from '../../rehearsal/scenarios/position-mismatch.ts';
import { revokeKeyNow } from '../../rehearsal/scenarios/revoke-key-now.ts';
import { rollback } from '../../rehearsal/scenarios/rollback.ts';
import { rotateExchangeKey } from '../../rehearsal/scenarios/rotate-exchange-key.ts';
import type { Scenario } from '../../rehearsal/scenarios/scenario.ts';
import { Stage } from '../../rehearsal/stage.ts';
import { assemblyOf } from '../assemblies.ts';

const silent: Progress = { heading: () => undefined, note: () => undefined, begin: () => () => undefined, close: () => undefined };
/** Limits of milliseconds are for a quiet machine; here other tests run beside. */
const patience = 2;
const boundMs = 240_000;
const assembly = assemblyOf('dev');

/** More installations at once would only slow each other down. */
const halted = Promise.withResolvers<void>();

test.concurrent.each([
  ['a halt, and a resume', halt, []],
  ['a halt that the holder cannot hear, and a resume', halt, ['holder-cut-off']],
  ['a rollback to a warm colour, and one to a cold revision', rollback, []],
] as const)('%s', (_, scenario, faults) => keepsItsPromises(scenario, faults).finally(halted.resolve), boundMs);

test.concurrent('coins moved by hand, found at a takeover, and a resume', async () => {
  await halted.promise;
  await keepsItsPromises(positionMismatch, ['found-at-takeover']);
}, 2 * boundMs);

test.concurrent('a key that is rotated by a function that dies on the way, and one that is revoked at once', async () => {
  await halted.promise;
  await keepsItsPromises(rotateExchangeKey, ['crash-before-store']);
  await keepsItsPromises(revokeKeyNow, []);
}, 2 * boundMs);

/** Told when nothing else is. */
const again: (() => Promise<void>)[] = [];

test('what broke a limit beside others keeps it alone', async () => {
  for (const alone of again) await alone();
}, 2 * boundMs);

async function keepsItsPromises(scenario: Scenario, faults: readonly string[]): Promise<void> {
  const broken = await brokenBy(scenario, faults);
  if (!mayBeSlowness(broken)) expect(broken).toEqual([]);
  if (broken.length === 0) return;
  console.warn(`${[scenario.name, ...faults].join(', ')} is told again alone; beside others it broke:\n${broken.map(inWords).join('\n')}`);
  again.push(async () => expect(await brokenBy(scenario, faults)).toEqual([]));
}

async function brokenBy(scenario: Scenario, faults: readonly string[]): Promise<readonly PromiseKept[]> {
  const stage = await Stage.open({ assembly, seed: 1, progress: silent, provisioning: 'typical', cuttable: faults.length > 0 });
  try {
    const { promises } = await scenario.run(stage, new Set(faults));
    expect(stage.permissions.surprises).toEqual([]);
    return [...neverBroken(stage.trading()), ...promises].filter((promise) => !promise.held && !heldWithPatience(promise));
  } finally {
    await stage.close();
  }
}

function heldWithPatience({ unit, measured, limit }: PromiseKept): boolean {
  return unit === 'ms' && Number(limit) > 0 && Number(measured) <= Number(limit) * patience;
}
