/**
 * An operator stops a cutover in the middle of any state and redrives it: at once, after the last net has given the book back,
 * and days later, when another cutover has replaced what runs. Whatever was done under the lock that it has lost stays as it is.
 */
import { describe, expect, it } from 'vitest';
import { lastNet } from '../../lib/cutover/last-net.ts';
import type { GraphProgress, ProgressEvent } from '../../rehearsal/states/execution.ts';
import type { HistoryEvent } from '../../rehearsal/states/history.ts';
import { CutoverWorld, executionArn, request } from '../../simulation/worlds/cutover.ts';
import { synthesizedCutover } from './synthesized.ts';

const { definition } = synthesizedCutover();
const takeTheBook = 'Take the book for this execution';

const scenarios = {
  succeeding: () => CutoverWorld.trading(),
  unhealthy: async () => Object.assign(await CutoverWorld.trading(), { standbysReady: false }),
  stalled: async () => Object.assign(await CutoverWorld.trading(), { trades: (colour: string) => colour === 'blue' }),
} satisfies Record<string, () => Promise<CutoverWorld>>;
type Scenario = keyof typeof scenarios;

/** A cutover that somebody stops when it enters a state, and can redrive. */
class Stopped {
  readonly #world: CutoverWorld;
  readonly #kept: { readonly progress: GraphProgress; readonly history: HistoryEvent[] } = { progress: {}, history: [] };
  startMs = 0;

  constructor(world: CutoverWorld) {
    this.#world = world;
  }

  async in(state: string): Promise<void> {
    const stop = new AbortController();
    const onEvent = (event: ProgressEvent): void => {
      if (event.kind === 'entered' && event.state === state) stop.abort({ error: 'Operator', cause: 'by hand' });
    };
    const { status, startMs } = await this.#world.run(definition, request, executionArn, { ...this.#kept, signal: stop.signal, onEvent });
    expect(status).toBe('ABORTED');
    this.startMs = startMs;
  }

  /** What EventBridge calls when an execution was stopped. */
  async lastNet(): Promise<void> {
    const net = lastNet({ control: this.#world.control, notify: async () => undefined });
    await net.release({ execution: executionArn, status: 'ABORTED', request: JSON.stringify(request) });
  }

  async redrive(): Promise<string> {
    const { status, error } = await this.#world.run(definition, request, executionArn, { ...this.#kept, redrive: { count: 1, startMs: this.startMs } });
    return status === 'SUCCEEDED' ? 'Succeeded' : (error ?? status);
  }
}

/** Everything that a cutover changes, but for the lock; task sets that are being deleted already go on their own. */
const whatRuns = (world: CutoverWorld): unknown => {
  const { epoch, holder, mode, live } = world.lease();
  return structuredClone({ epoch, holder, mode, live, taskSets: world.taskSets.filter(({ Status }) => Status !== 'DRAINING').map(({ Id }) => Id), primary: world.primary, parameter: world.parameter });
};

/** The states that each scenario passes, in order, and where those begin that may find the lock gone. */
const passed = await Promise.all(
  Object.entries(scenarios).map(async ([name, scenario]) => {
    const world = await scenario();
    await world.run(definition);
    // In a Fail it is over before anybody can stop it.
    const states = [...new Set(world.events.flatMap((event) => (event.kind === 'entered' && event.type !== 'Fail' ? [event.state] : [])))];
    return { name: name as Scenario, states, taken: states.indexOf(takeTheBook) };
  }),
);
const afterTheLock = passed.flatMap(({ name, states, taken }) => states.slice(taken + 1).map((state) => [name, state] as const));
const beforeTheLock = passed[0]!.states.slice(0, passed[0]!.taken + 1).map((state) => [state] as const);
/** Only the report, the notice and the ending are left then. */
const endings = ['Succeeded', 'RolledBack', 'NeedsAPerson'];

describe.each(afterTheLock)('%s, stopped in: %s', (scenario, state) => {
  it('changes nothing more when it is redriven after the last net', async () => {
    const world = await scenarios[scenario]();
    const stopped = new Stopped(world);
    await stopped.in(state);
    await stopped.lastNet();
    const before = whatRuns(world);
    expect(endings).toContain(await stopped.redrive());
    expect(whatRuns(world)).toEqual(before);
    expect(world.lease().workflow).not.toHaveProperty('execution');
  });

  it('changes nothing more when another cutover came in between', async () => {
    const world = await scenarios[scenario]();
    const stopped = new Stopped(world);
    await stopped.in(state);
    await stopped.lastNet();
    Object.assign(world, { standbysReady: true, trades: () => true });
    expect(await world.run(definition, request, `${executionArn}-later`)).toMatchObject({ status: 'SUCCEEDED' });
    const before = whatRuns(world);
    expect(endings).toContain(await stopped.redrive());
    expect(whatRuns(world)).toEqual(before);
  });

  it('ends with the book released and somebody trading when it is redriven before the last net', async () => {
    const world = await scenarios[scenario]();
    const stopped = new Stopped(world);
    await stopped.in(state);
    expect(endings).toContain(await stopped.redrive());
    await stopped.lastNet();
    const { workflow, mode, holder } = world.lease();
    expect(workflow).not.toHaveProperty('execution');
    expect({ mode, held: holder !== undefined }).toEqual({ mode: 'open', held: true });
  });
});

describe('stopped before it had the book', () => {
  it.each(beforeTheLock)('goes on when it is redriven: %s', async (state) => {
    const world = await scenarios.succeeding();
    const stopped = new Stopped(world);
    await stopped.in(state);
    await stopped.lastNet();
    expect(await stopped.redrive()).toBe('Succeeded');
  });
});
