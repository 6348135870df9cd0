/**
 * One cell of the sweep, told: an execution of a synthesized machine in a world of its own, with its fault and its stop. The invariants look after every event, and at the end,
 * when everything that was under way has happened and the last net has been there.
 */
import type { StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import type { ExecutionOptions, ExecutionResult, GraphProgress, ProgressEvent } from '../../rehearsal/states/engine.ts';
import type { HistoryEvent } from '../../rehearsal/states/history.ts';
import { invariants } from '../invariants/index.ts';
import { plays } from '../scenes/index.ts';
import type { World } from '../worlds/world.ts';
import { faulty } from './between.ts';
import { edgesTaken, idOf, statesOf, words, type Cell } from './cells.ts';

/** What the invariants see of it. */
export interface Stage {
  readonly world: World;
  readonly machine: string;
  readonly execution: string;
  /** What the world kept before. */
  readonly before: unknown;
  readonly history: readonly HistoryEvent[];
  /** Whether somebody answers against his contract: then an expression may fail where nothing catches it, and the last net alone cleans up. */
  readonly isLiedTo: boolean;
  /** How it ended: one of the endings, or the error or the status of an execution that has none; empty while it runs. */
  ending: string;
  cause: string;
}

export interface Told {
  readonly id: string;
  /** What is wrong, and which invariant says so. */
  readonly broken?: string;
  readonly ending: string;
  readonly edges: readonly string[];
  readonly states: readonly string[];
  /** What happened, for a person. */
  readonly lines: readonly string[];
}

export async function tell(cell: Cell, definition: StateMachineDefinition): Promise<Told> {
  const play = plays[cell.play];
  const open = play?.scenes[cell.scene];
  if (play === undefined || open === undefined) throw new Error(`There is no scene '${cell.scene}' of '${cell.play}'. npm run simulate -- --sweep prints the cells that are there.`);
  const { fault, stop } = cell;
  const world = await open(definition);
  const input = play.input(cell.scene, world);
  const history: HistoryEvent[] = [];
  const stage: Stage = { world, machine: play.machine, execution: play.execution, before: world.kept(), history, isLiedTo: fault?.what === words.empty, ending: '', cause: '' };
  const watches = invariants.flatMap(({ number, name, watchWorld }) => (watchWorld === undefined ? [] : [{ invariant: `${number}. ${name}`, ...watchWorld(stage) }]));
  let broken: string | undefined;
  const look = (at: 'afterEvent' | 'afterNet' | 'atEnd'): void => {
    for (const watch of watches) {
      const what = watch[at]?.();
      if (what !== undefined) broken ??= `${watch.invariant}: ${what}`;
    }
  };

  const pending: Promise<unknown>[] = [];
  if (fault !== undefined) {
    const task = statesOf(definition).get(fault.state);
    if (task?.Type !== 'Task') throw new Error(`There is no task '${fault.state}' in ${play.machine}.`);
    world.between = faulty(fault, { world, task, pending });
  }
  const edges = new Set<string>();
  const lines: string[] = [];
  const taken = edgesTaken(definition);
  const operator = new AbortController();
  const stopped = { error: 'Operator', cause: 'by hand' };
  let stopAt: string | undefined;
  const onEvent = (event: ProgressEvent): void => {
    lines.push(lineOf(event));
    look('afterEvent');
    if (event.kind === 'entered' && event.state === stopAt) operator.abort(stopped);
    const way = taken(event);
    if (way === undefined) return;
    edges.add(way.edge);
    if (way.edge !== stop?.edge || stopAt !== undefined) return;
    stopAt = way.to ?? event.state;
    // In the pause before a repeat, or where a branch begins, it is there already.
    if (way.to === undefined || event.kind === 'entered') operator.abort(stopped);
  };
  const kept = { progress: {} as GraphProgress, history };
  const run = (more: Partial<ExecutionOptions>): Promise<ExecutionResult> => world.run(definition, input, play.execution, { ...kept, ...more, onEvent });
  const givenBack = async ({ status }: ExecutionResult): Promise<void> => {
    if (status !== 'SUCCEEDED') await world.lastNet(play.execution, status, input);
    look('afterNet');
  };

  let result = await run({ signal: operator.signal });
  if (result.status === 'ABORTED') {
    lines.push('an operator stops it');
    if (stop?.goesOn !== 'redriven') {
      await Promise.all(pending);
      await givenBack(result);
    }
    // What was wrong is over.
    world.between = (_, work) => work();
    result = await run({ redrive: { count: 1, startMs: result.startMs } });
  }
  if (stop !== undefined && stopAt === undefined) broken ??= `the stop did not strike: the edge ${stop.edge} was not taken`;
  await Promise.all(pending);
  stage.ending = result.status === 'SUCCEEDED' ? 'Succeeded' : (result.error ?? result.status);
  stage.cause = result.cause ?? '';
  lines.push(`ends: ${stage.ending} ${stage.cause}`);
  await givenBack(result);
  look('afterEvent');
  look('atEnd');
  return { id: idOf(cell), ending: stage.ending, edges: [...edges], states: [...new Set(world.visited())], lines, ...(broken !== undefined && { broken }) };
}

function lineOf({ atMs, state, kind, ...more }: ProgressEvent): string {
  const said = Object.entries(more).flatMap(([name, value]) => (name === 'type' || name === 'comment' ? [] : [`${name} ${String(value)}`])).join(', ');
  return `${new Date(atMs).toISOString().slice(11, 23)} ${state}: ${kind}${said === '' ? '' : ` (${said})`}`;
}
