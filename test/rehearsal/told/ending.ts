/**
 * How a telling ended, for tests on the whole system. Each test file tells on installations of its own in a process of its own,
 * beside others. What may be their doing is noted, and `again.told.ts` tells it once more when nothing else runs.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject } from 'vitest';
import { messageOf } from '../../../lib/message-of.ts';
import { broken, inWords, mayBeSlowness, neverBroken, type PromiseKept } from '../../../rehearsal/report/report.ts';
import { whatWasLogged } from '../../../rehearsal/report/silence.ts';
import type { Stage } from '../../../rehearsal/stage.ts';

export interface Ending {
  readonly broken: readonly PromiseKept[];
  /** Of what broke, what may explain it. */
  readonly seen: readonly string[];
}

/** How many times a limit of milliseconds may be exceeded: they are for a quiet machine, and here others are told beside. */
const patience = 4;

export async function endingOn(stage: Stage, name: string, promises: readonly PromiseKept[]): Promise<Ending> {
  const notHeld = broken([...neverBroken(stage.trading()), ...promises]).filter((promise) => !isHeldWithPatience(promise));
  if (notHeld.length === 0) return { broken: [], seen: [] };
  return { broken: notHeld, seen: whatWasLogged({ scenario: name, observed: await stage.observed() }, stage.log, stage.beganAtMs) };
}

function isHeldWithPatience({ unit, measured, limit }: PromiseKept): boolean {
  return unit === 'ms' && Number(limit) > 0 && Number(measured) <= Number(limit) * patience;
}

export function expectHeld(name: string, ending: Ending): void {
  expect(ending.broken, [name, ...ending.seen].join('\n')).toEqual([]);
}

/** As {@link expectHeld}, for what is told beside others. @param name by which `again.told.ts` knows it @param noted where it is kept for that */
export async function expectHeldBesideOthers(name: string, telling: Promise<Ending>, noted = forAgain()): Promise<void> {
  try {
    const ending = await telling;
    if (!mayBeSlowness(ending.broken)) expectHeld(name, ending);
    if (ending.broken.length === 0) return;
    console.warn([`${name} is told again alone; beside others it broke:`, ...ending.broken.map(inWords), ...ending.seen].join('\n'));
  } catch (error) {
    // What was judged and is wrong is no slowness; a call that was not answered in time may be.
    if (error instanceof Error && error.name === 'AssertionError') throw error;
    console.warn(`${name} is told again alone; beside others it could not go on: ${messageOf(error)}`);
  }
  mkdirSync(noted, { recursive: true });
  writeFileSync(join(noted, encodeURIComponent(name)), '');
}

export function toTellAgain(noted = forAgain()): readonly string[] {
  return existsSync(noted) ? readdirSync(noted).map(decodeURIComponent) : [];
}

function forAgain(): string {
  return join(inject('assemblies'), 'told-again');
}
