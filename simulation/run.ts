/**
 * One run: the system begins, faults come as planned, then they stop and everything must come to rest within a bound. Every invariant is looked at
 * after every event.
 */
import { colourOf, otherColour } from '../lib/lease/model.ts';
import { seeded } from '../rehearsal/seeded.ts';
import { warmUp } from './cloud.ts';
import { deployed, type Made } from './control-plane/deployed.ts';
import { invariants } from './invariants/index.ts';
import { drawPlan, safetyMs, type Plan } from './swarm.ts';
import { SimulatedSystem } from './system.ts';
import { takeAmbientTime } from './virtual-time.ts';

export type Verdict =
  | { readonly kind: 'holds' }
  | { readonly kind: 'broken'; readonly invariant: string; readonly what: string }
  | { readonly kind: 'no-progress'; readonly what: string }
  | { readonly kind: 'crash'; readonly what: string };

export interface RunResult {
  readonly seed: number;
  readonly verdict: Verdict;
  readonly hash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly accepted: number;
  /** In which an order was accepted. */
  readonly epochs: number;
  readonly lastEvents: readonly string[];
  readonly lines: readonly string[];
}

export interface RunOptions {
  readonly plan?: Plan;
  /** Known to be wrong. */
  readonly change?: (system: SimulatedSystem) => void;
  readonly keepLines?: boolean;
  /** What is deployed, instead of what the templates say. */
  readonly deployment?: readonly Made[];
}

/** Code that asks for ambient randomness draws numbers of the seed, apart from those that the world draws. */
const apart = 0xa3b1;
/** What is done outside of simulated time: a run in which any of it is under way would not be the same twice. */
const outside = /^(FSReq|TCP|GetAddrInfo|Timeout|TLS)/;

/** After the faults everything must have come to rest within this. */
const livenessMs = 150_000;
/** So many orders of one holder, one after the other, and nothing left over. */
const settledOrders = 4;

/** At the first run of a process: whoever only asks for help waits for none of it. */
let warm: Promise<readonly [readonly Made[], void]> | undefined;

export async function runSeed(seed: number, { plan = drawPlan(seed), change, keepLines = false, deployment }: RunOptions = {}): Promise<RunResult> {
  warm ??= Promise.all([deployed(), warmUp()]);
  const [made] = await warm;
  // The models that only they need take as long to load as half a run.
  const { Executions } = plan.machines === 'synthesized' ? await import('./control-plane/executions.ts') : {};
  const system = new SimulatedSystem(plan, deployment ?? made, Executions);
  system.keepLines = keepLines;
  change?.(system);
  const release = takeAmbientTime(system.time, seeded(seed ^ apart));
  let verdict: Verdict = { kind: 'holds' };
  const crashed = (error: unknown): void => {
    verdict = { kind: 'crash', what: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  };
  process.on('unhandledRejection', crashed);
  process.on('uncaughtException', crashed);
  try {
    verdict = await judged(system, () => verdict.kind === 'crash' ? verdict : undefined);
  } catch (error) {
    crashed(error);
  } finally {
    release();
    process.off('unhandledRejection', crashed);
    process.off('uncaughtException', crashed);
  }
  system.trace('end', verdict.kind === 'holds' ? 'everything held' : `${verdict.kind}: ${verdict.what}`, true);
  return {
    seed, verdict, hash: system.digest, events: system.time.events, simulatedMs: system.time.nowMs,
    accepted: system.accepted().length, epochs: new Set(system.accepted().map(({ epoch }) => epoch)).size, lastEvents: system.lastEvents, lines: system.lines,
  };
}

async function judged(system: SimulatedSystem, crash: () => Verdict | undefined): Promise<Verdict> {
  const { time, plan } = system;
  await system.open();
  const watches = invariants.flatMap(({ number, name, watch }) => (watch === undefined ? [] : [{ invariant: `${number}. ${name}`, ...watch(system) }]));
  let broken: Verdict | undefined;
  const looked = (at: 'afterEvent' | 'atEnd'): boolean => {
    broken ??= crash();
    const leak = process.getActiveResourcesInfo().find((name) => outside.test(name));
    if (leak !== undefined) broken ??= { kind: 'crash', what: `something waits for the world outside of the simulation: ${leak}` };
    for (const watch of watches) {
      const what = watch[at]?.();
      if (what !== undefined) broken ??= { kind: 'broken', invariant: watch.invariant, what };
    }
    return broken !== undefined;
  };
  for (const fault of plan.faults) time.at(fault.atMs, undefined, () => system.inject(fault));
  await time.runUntil(safetyMs, () => looked('afterEvent'));
  if (broken !== undefined) return broken;

  system.endFaults();
  system.machines.restore();
  const since = system.record.length;
  await time.runUntil(safetyMs + livenessMs, () => looked('afterEvent') || isSettled(system, since));
  if (broken !== undefined) return broken;
  if (!isSettled(system, since)) return { kind: 'no-progress', what: whyNot(system, since) ?? 'it never came to rest' };

  // With nothing in its way, a hand-over that is asked for takes place.
  const to = otherColour(colourOf(system.lease()!.holder!));
  const handedFrom = system.record.length;
  const endedBefore = system.executions?.ended.length ?? 0;
  system.machines.drain(to);
  const isHandedOver = (): boolean => isSettled(system, handedFrom) && colourOf(system.lease()!.holder!) === to;
  const release = () => system.executions?.ended[endedBefore];
  await time.runUntil(time.nowMs + system.machines.handOverWithinMs, () => looked('afterEvent') || isHandedOver() || (release()?.ending ?? 'Succeeded') !== 'Succeeded');
  if (broken !== undefined) return broken;
  const { ending = 'Succeeded', cause } = release() ?? {};
  if (ending !== 'Succeeded') return { kind: 'no-progress', what: `a release with nothing in its way ended as ${ending}: ${cause}` };
  if (!isHandedOver()) return { kind: 'no-progress', what: whyNot(system, handedFrom) ?? `a drain towards ${to} did not hand over` };
  looked('atEnd');
  return broken ?? { kind: 'holds' };
}

function isSettled(system: SimulatedSystem, since: number): boolean {
  // Looked at when an order was decided: nothing else brings it to rest.
  return system.record.at(-1)?.epoch !== undefined && whyNot(system, since) === undefined;
}

/** What is still missing after the faults. */
function whyNot(system: SimulatedSystem, since: number): string | undefined {
  const lease = system.lease();
  if (lease?.mode !== 'open') return `the book is ${lease?.mode}`;
  if (lease.workflow.execution !== undefined) return `the lock is still ${lease.workflow.execution}'s`;
  // A machine that moved the books is no fault that anybody would have to undo.
  if (system.executions === undefined && lease.home !== 'us-east-1') return `the home is still ${lease.home}`;
  const missing = system.machines.missing();
  if (missing !== undefined) return missing;
  // Of a release that is wrong nobody expects it.
  const ill = system.tasks.find(({ guard, wish }) => wish.isBad === undefined && !guard.health().healthy);
  if (ill !== undefined) return `${ill.host} is not healthy: ${ill.guard.health().reasons.join(', ')}`;
  if (system.machines.running.length > 0) return `${system.machines.running.map(({ execution }) => execution).join(', ')} did not end`;
  const orders = system.record.slice(since).filter(({ epoch }) => epoch !== undefined);
  const newest = orders.slice(-settledOrders);
  if (newest.length < settledOrders || newest.some(({ accepted, epoch }) => !accepted || epoch !== lease.epoch)) return 'nobody trades steadily';
  return undefined;
}
