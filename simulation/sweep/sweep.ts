/**
 * `npm run simulate -- --sweep`: every state of every synthesized machine with every fault that applies to it, and every edge with an operator who stops the execution
 * there and redrives it. First each scene is told without a fault, which says where a state is met; then all faults; then all stops, on the edges that were seen taken, those
 * that only a fault leads to with that fault. What no scene meets is left out, and named.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import { synthesizeInto } from '../../rehearsal/synthesize.ts';
import type { SettingsVariant } from '../../rehearsal/settings-variants.ts';
import { work } from '../pool.ts';
import { assemblies, plays } from '../scenes/index.ts';
import { cellOf, edgesOf, faultsOf, idOf, statesOf, type Cell, type Stop } from './cells.ts';
import { definitionOf, withoutAPlay } from './definitions.ts';
import { tell, type Told } from './stage.ts';

export interface SweepOptions {
  readonly workers: number;
  readonly signal: AbortSignal;
  /** Where the assemblies are; synthesized when not said. */
  readonly assemblies?: string;
  /** Tells only every so-many-th cell of the grid, from the seed on. */
  readonly sample?: number;
  readonly seed: number;
}

/** So many at a time are sent to a worker. */
const cellsAJob = 25;
/** Each broken one is worth a look; more of them seldom say more. */
const shownMax = 25;

/** What a worker answers of its cells. */
export interface ToldCells {
  readonly broken: readonly Pick<Told, 'id' | 'broken'>[];
  readonly endings: Readonly<Record<string, number>>;
  /** Of each edge, the first cell that took it. */
  readonly edges: readonly (readonly [play: string, edge: string, id: string])[];
}

export async function tellCells(ids: readonly string[], directory: string): Promise<ToldCells> {
  const broken: Pick<Told, 'id' | 'broken'>[] = [];
  const endings: Record<string, number> = {};
  const edges = new Map<string, readonly [string, string, string]>();
  for (const id of ids) {
    const cell = cellOf(id);
    const told = await tell(cell, definitionOf(directory, cell.play));
    if (told.broken !== undefined) broken.push({ id, broken: told.broken });
    endings[told.ending] = (endings[told.ending] ?? 0) + 1;
    if (cell.stop === undefined) for (const edge of told.edges) if (!edges.has(`${cell.play} ${edge}`)) edges.set(`${cell.play} ${edge}`, [cell.play, edge, id]);
  }
  return { broken, endings, edges: [...edges.values()] };
}

/** The exit code: 0 all held, 1 something is broken, 4 a crash. */
export async function sweep({ workers, signal, sample = 1, seed, ...options }: SweepOptions): Promise<number> {
  await using directory = await assembliesIn(options.assemblies);
  const beganMs = performance.now();
  const where = directory.path;
  const leftOut: string[] = withoutAPlay(where).map((machine) => `${machine}: nobody plays it`);
  const broken: Pick<Told, 'id' | 'broken'>[] = [];
  const endings: Record<string, number> = {};
  /** By play and edge: the first cell of the grid that takes it. */
  const takenBy = new Map<string, string>();
  let told = 0;
  let crashes = 0;
  const take = (answer: ToldCells, count: number): void => {
    told += count;
    for (const each of answer.broken) {
      broken.push(each);
      if (broken.length <= shownMax) explain(each);
    }
    for (const [ending, more] of Object.entries(answer.endings)) endings[ending] = (endings[ending] ?? 0) + more;
  };
  const tellAll = async (cells: readonly Cell[]): Promise<void> => {
    const ids = cells.map(idOf).filter((_, index) => (index + seed) % sample === 0);
    const order = new Map(ids.map((id, index) => [id, index]));
    let next = 0;
    const seen: (readonly [string, string, string])[] = [];
    await work({
      workers, signal,
      next() {
        if (next >= ids.length) return undefined;
        const part = ids.slice(next, next + cellsAJob);
        next += cellsAJob;
        return { cells: part, assemblies: where };
      },
      onResult(job, answer) {
        const part = 'cells' in job ? job.cells : [];
        take(answer as ToldCells, part.length);
        seen.push(...(answer as ToldCells).edges);
        if (process.stdout.isTTY) process.stdout.write(`\r${told} cells `);
      },
      onLost(error) {
        crashes += 1;
        console.log(pc.red(error.message));
      },
    });
    // Whoever was told first by chance, the same cell stands for an edge.
    for (const [play, edge, id] of seen.toSorted(([, , a], [, , b]) => order.get(a)! - order.get(b)!)) if (!takenBy.has(`${play} ${edge}`)) takenBy.set(`${play} ${edge}`, id);
  };

  const faults: Cell[] = [];
  let states = 0;
  for (const [name, { scenes }] of Object.entries(plays)) {
    const definition = definitionOf(where, name);
    const metIn = new Map<string, string>();
    for (const scene of Object.keys(scenes)) {
      const cell = { play: name, scene };
      const plain = await tell(cell, definition);
      take({ broken: plain.broken === undefined ? [] : [plain], endings: { [plain.ending]: 1 }, edges: [] }, 1);
      for (const state of plain.states) if (!metIn.has(state)) metIn.set(state, scene);
      for (const edge of plain.edges) if (!takenBy.has(`${name} ${edge}`)) takenBy.set(`${name} ${edge}`, plain.id);
    }
    const all = statesOf(definition);
    states += all.size;
    for (const [state, task] of all) {
      if (task.Type !== 'Task') continue;
      const scene = metIn.get(state);
      if (scene === undefined) leftOut.push(`${name}: ${state}: no scene comes to it`);
      else faults.push(...faultsOf(state, task, task.Next === undefined ? undefined : all.get(task.Next)).map((fault) => ({ play: name, scene, fault })));
    }
  }
  console.log(`${states} states of ${Object.keys(plays).length} plays; ${told} scenes without a fault, ${faults.length} cells with one`);
  await tellAll(faults);

  const stops: Cell[] = [];
  for (const name of Object.keys(plays)) {
    for (const edge of edgesOf(definitionOf(where, name))) {
      const by = takenBy.get(`${name} ${edge}`);
      // A sample has not been everywhere.
      if (by === undefined && sample === 1) leftOut.push(`${name}: ${edge}: no scene and no single fault takes it`);
      if (by !== undefined) stops.push(...(['redriven', 'given back, then redriven'] satisfies Stop['goesOn'][]).map((goesOn) => ({ ...cellOf(by), stop: { edge, goesOn } })));
    }
  }
  console.log(`${stops.length} cells with a stop, on ${stops.length / 2} edges`);
  await tellAll(stops);

  for (const each of leftOut) console.log(`left out: ${each}`);
  const ended = Object.entries(endings).toSorted(([, a], [, b]) => b - a).map(([ending, count]) => `${count.toLocaleString('en')} ${ending}`).join(', ');
  console.log(
    `${broken.length + crashes === 0 ? pc.green('✓') : pc.red('✗')} ${told.toLocaleString('en')} cells told: ${(told - broken.length).toLocaleString('en')} held, ${broken.length} broken; `
    + `${leftOut.length} left out; ended: ${ended}; ${((performance.now() - beganMs) / 1000).toFixed(1)} s`,
  );
  if (signal.aborted) return 130;
  return broken.length > 0 ? 1 : crashes > 0 ? 4 : 0;
}

/** One cell, with all that happened. */
export async function sweepOne(id: string, where?: string): Promise<number> {
  await using directory = await assembliesIn(where);
  const cell = cellOf(id);
  const told = await tell(cell, definitionOf(directory.path, cell.play));
  for (const each of told.lines) console.log(each);
  console.log(told.broken === undefined ? `${pc.green('✓')} ${id}: every invariant held; it ended as ${told.ending}` : `${pc.red('✗')} ${id}: broken: ${told.broken}`);
  return told.broken === undefined ? 0 : 1;
}

function explain({ id, broken }: Pick<Told, 'id' | 'broken'>): void {
  console.log(`${pc.red('✗')} ${id}: broken: ${broken}`);
  console.log(`    To see it again: npm run simulate -- --sweep --cell '${id.replaceAll("'", `'\\''`)}'`);
}

async function assembliesIn(given: string | undefined): Promise<AsyncDisposable & { readonly path: string }> {
  if (given !== undefined) return { path: given, [Symbol.asyncDispose]: async () => undefined };
  const path = await mkdtemp(join(tmpdir(), 'baton-sweep-'));
  const remove = (): Promise<void> => rm(path, { recursive: true, force: true });
  try {
    await Promise.all(assemblies.map((name) => {
      const [environment = '', ...variant] = name.split('-');
      return synthesizeInto(join(path, name), environment, variant.length === 0 ? undefined : (variant.join('-') as SettingsVariant));
    }));
  } catch (error) {
    await remove();
    throw error;
  }
  return { path, [Symbol.asyncDispose]: remove };
}
