/** The synthesized canary, run by the engine: every ending, and every Catch, Retry and branch of a Choice by name. */
import { describe, expect, it } from 'vitest';
import { partName } from '../../lib/change/approvals.ts';
import type { CanaryReading } from '../../lib/cutover/canary.ts';
import type { Json } from '../../rehearsal/states/engine.ts';
import { arnOf } from '../../simulation/worlds/desk.ts';
import { byTwo, canary, executionArn, failed, looks, lost, old, stories, typed, unknown, type Story } from '../../simulation/scenes/canary.ts';
import { book, canaryBook, CutoverWorld, request } from '../../simulation/worlds/cutover.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const definition = synthesizedMachines().machines.get('canary')!;
const coverage = new Coverage(definition);
const run = (world: CutoverWorld, input = typed(world)): ReturnType<Coverage['run']> => coverage.run(world, input, executionArn);
const started = (world: CutoverWorld): readonly string[] => [...world.parts.values()].map(({ machine, input }) => `${machine} ${input['book'] as string}`);
const report = (world: CutoverWorld): Record<string, unknown> | undefined => world.reports.get(`canaries/${book}/run-1.json`);
describe('a canary', () => {
  it('that was healthy: the book gets the release, with the same change', async () => {
    const world = await stories.healthy();
    expect((await run(world)).ending).toBe('Succeeded');
    expect(started(world)).toEqual([`cutover ${canaryBook}`, `cutover ${book}`]);
    // The function that opens approvals knows them by these names.
    expect([...world.parts.keys()]).toEqual([partName(executionArn, 'trial'), partName(executionArn, 'promotion')]);
    for (const { input } of world.parts.values()) {
      const { book: _, ...same } = request;
      expect(input).toEqual({ ...same, book: input['book'], within: executionArn });
    }
    expect(report(world)).toMatchObject({
      outcome: 'succeeded', canary: canaryBook, change: request.change, watched: { looks, sent: 600 * (looks - 1), failed: 0 },
      seen: expect.stringMatching(/loss 0\.05 % of 10000, errors 0\.00 % of 8400 orders, p95 latency 20 ms/) as string,
    });
    expect(world.visited().filter((state) => state === 'Look how the canary trades')).toHaveLength(looks);
  });

  it.each<[string, (look: number) => Partial<CanaryReading>, number, RegExp]>([
    ['loses more than 2 %', (look) => (look < 3 ? {} : lost(0.0201)), 3, /lost more than 2\.00 %.*loss 2\.01 % of 10000/],
    ['has more than 5 % of its orders refused', () => ({ failed: 31 }), 2, /More than 5\.00 % of its orders failed/],
    ['is slow for five minutes', () => ({ latenciesMs: [501] }), 6, /above 500 ms for 5 looks/],
  ])('that %s goes back to what it ran, and the book is not touched', async (_, reading, look, why) => {
    const world = await canary({ reading });
    const { ending, cause } = await run(world);
    expect(ending).toBe('RolledBack');
    expect(cause).toMatch(why);
    expect(started(world)).toEqual([`cutover ${canaryBook}`, `rollback ${canaryBook}`]);
    expect([...world.parts.values()][1]!.input).toMatchObject({ to: { taskDefinition: old.taskDefinition }, requestedBy: 'ada', reason: expect.stringMatching(/^Canary: /) as string });
    expect(world.visited().filter((state) => state === 'Look how the canary trades')).toHaveLength(look);
    expect(world.notices).toEqual([`Baton: canary of ${book} rolled-back`]);
  });

  it('that loses with its first release is halted: there is nothing to go back to', async () => {
    const world = await stories.losingFirst();
    expect((await run(world)).ending).toBe('RolledBack');
    expect(started(world)).toEqual([`cutover ${canaryBook}`, `halt ${canaryBook}`]);
  });

  it('that somebody halted goes back', async () => {
    const world = await canary();
    world.figures = {
      ...world.figures,
      mark: async () => {
        if (world.parts.size > 0) world.store.writeNow({ name: 'halt', book: canaryBook, expects: [], set: { mode: 'halted', halt: { reason: 'orders nobody knows', by: 'ada' } } });
        return undefined;
      },
    };
    expect(await run(world)).toMatchObject({ ending: 'RolledBack' });
    expect(started(world)).toEqual([`cutover ${canaryBook}`, `rollback ${canaryBook}`]);
  });

  it('that somebody replaced meanwhile is left alone, and a person is asked for', async () => {
    const world = await canary();
    const { partEnds } = world;
    world.partEnds = (...part) => {
      const end = partEnds(...part);
      world.store.writeNow({ name: 'record-live', book: canaryBook, expects: [], set: { live: old } });
      return end;
    };
    expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringMatching(/somebody has replaced it/) as string });
    expect(started(world)).toEqual([`cutover ${canaryBook}`]);
  });
});

describe('a canary that cannot be judged', () => {
  it('waits for a person, who lets it through', async () => {
    const world = await stories.decidedFor();
    expect((await run(world)).ending).toBe('Succeeded');
    expect(started(world)).toEqual([`cutover ${canaryBook}`, `cutover ${book}`]);
    expect(world.notices).toEqual([`Baton: decide about the canary of ${book}`, `Baton: canary of ${book} succeeded`]);
    const message = world.calls.find(({ state }) => state === 'Tell people who must decide about the canary')!.args['Message'] as string;
    expect(message).toMatch(/Nothing could be judged for 5 looks .*result unknown.*1 must say so/s);
    expect(message).toContain('"decision":"approve","execution":"canary/run-1/verdict"');
    expect(report(world)).toMatchObject({ decided: `1 of 1 approvals, by ${arnOf('grace')}` });
  });

  it('goes back when somebody is against it', async () => {
    const world = await canary({ reading: unknown, asked: (desk) => desk.decide('grace', 'reject', 'canary/run-1/verdict') });
    expect(await run(world)).toMatchObject({ ending: 'RolledBack', cause: expect.stringMatching(/grace rejected it: not now/) as string });
  });

  it('goes back when nobody decides in time', async () => {
    const world = await stories.undecided();
    expect(await run(world)).toMatchObject({ ending: 'RolledBack', cause: expect.stringMatching(/Nobody decided for it in time \(0 of 1 approvals\)/) as string });
    expect(started(world)).toEqual([`cutover ${canaryBook}`, `rollback ${canaryBook}`]);
  });

  it('is let through by a word of the last moment', async () => {
    const world = await stories.undecided();
    world.faults.set('Close the decision about the canary', () => {
      world.onAsked = (desk) => desk.decide('grace', 'approve', 'canary/run-1/verdict');
      return undefined;
    });
    expect((await run(world)).ending).toBe('Succeeded');
  });

  it('is judged by two where changes need two, and not by its requester', async () => {
    let n = 0;
    const world = await canary({
      approvalsRequired: 2, reading: unknown,
      asked: async (desk) => {
        n += 1;
        if (n <= 3) return byTwo('canary/run-1')(desk, n);
        const who = ['ada', 'grace', 'barbara'][n - 4];
        return who !== undefined && desk.decide(who, 'approve', 'canary/run-1/verdict');
      },
    });
    expect((await run(world)).ending).toBe('Succeeded');
    expect(report(world)).toMatchObject({ requester: arnOf('ada'), approvedBy: [arnOf('grace'), arnOf('edsger')], decided: expect.stringMatching(/^2 of 2/) as string });
  });
});

describe('the executions that it starts', () => {
  it.each<[string, Story['ends'], string, RegExp]>([
    ['the canary’s cutover is refused', { [`cutover ${canaryBook}`]: { Status: 'FAILED', Error: 'Refused', Cause: 'frozen' } }, 'Refused', /The cutover of the canary ended as FAILED Refused: frozen/],
    ['the canary’s cutover is rolled back', { [`cutover ${canaryBook}`]: { Status: 'FAILED', Error: 'RolledBack', Cause: 'mute' } }, 'RolledBack', /mute/],
    ['the canary’s cutover needs a person', { [`cutover ${canaryBook}`]: failed }, 'NeedsAPerson', /it does not trade/],
    ['the canary’s cutover never ends', { [`cutover ${canaryBook}`]: undefined }, 'NeedsAPerson', /has not ended within \d+ s/],
    ['the book’s cutover is rolled back', { [`cutover ${book}`]: { Status: 'FAILED', Error: 'RolledBack', Cause: 'mute' } }, 'NeedsAPerson', /The cutover of the book ended as FAILED RolledBack: mute/],
    ['the book’s cutover was stopped', { [`cutover ${book}`]: { Status: 'ABORTED' } }, 'NeedsAPerson', /ended as ABORTED/],
    ['the book’s cutover never ends', { [`cutover ${book}`]: undefined }, 'NeedsAPerson', /has not ended/],
  ])('when %s', async (_, ends, ending, why) => {
    const answer = await run(Object.assign(await canary({ ends: ends ?? {} }), { uncompressed: 15 }));
    expect(answer.ending).toBe(ending);
    expect(answer.cause).toMatch(why);
  });

  it.each([['rollback', false], ['halt', true]] as const)('when the %s fails, or never ends, a person is needed', async (machine, first) => {
    for (const end of [failed, undefined]) {
      const world = await canary({ first, reading: () => lost(0.03), ends: { [`${machine} ${canaryBook}`]: end } });
      world.uncompressed = 15;
      expect((await run(world)).ending).toBe('NeedsAPerson');
    }
  });

  it.each(['Start the cutover of the canary', 'Start the cutover of the book'])('are found again by a repeat: %s', async (state) => {
    const world = await stories.healthy();
    let times = 0;
    const answer = await coverage.run(world, typed(world), executionArn);
    expect(answer.ending).toBe('Succeeded');
    const again = await stories.healthy();
    for (const [name, part] of world.parts) again.parts.set(name, { ...part, looks: 0 });
    again.faults.set(state, () => void (times += 1));
    expect((await run(again)).ending).toBe('Succeeded');
    expect({ times, parts: again.parts.size }).toEqual({ times: 1, parts: 2 });
  });
});

describe('a canary that is refused', () => {
  it.each<[string, Record<string, Json>, RegExp]>([
    ['by a book that has none', { book: 'other' }, /other has no canary; of these books there is one: alpha/],
    ['by every fault of its input', { reason: 'x', images: {} }, /reason: .*images/],
  ])('%s', async (_, more, why) => {
    const world = await canary();
    const { ending, cause } = await run(world, typed(world, more));
    expect(ending).toBe('Refused');
    expect(cause).toMatch(why);
    expect(started(world)).toEqual([]);
  });

  it('while changes are frozen', async () => {
    const world = await canary();
    world.freeze = JSON.stringify({ frozen: true, reason: 'year end', by: 'grace' });
    expect(await run(world)).toMatchObject({ ending: 'Refused', cause: expect.stringMatching(/year end/) as string });
  });

  it('when nobody approves it, or somebody rejects it; what two approve begins', async () => {
    expect((await run(await stories.unapproved())).ending).toBe('Refused');
    expect((await run(await canary({ approvalsRequired: 2, asked: (desk) => desk.decide('edsger', 'reject', 'canary/run-1') }))).ending).toBe('Refused');
    const world = await stories.approved();
    expect((await run(world)).ending).toBe('Succeeded');
    expect(report(world)).toMatchObject({ requester: arnOf('ada'), approvedBy: [arnOf('grace'), arnOf('edsger')] });
    const late = await stories.unapproved();
    late.faults.set('Close the approvals of this change', () => {
      late.onAsked = async (desk) => [await desk.decide('grace', 'approve', 'canary/run-1'), await desk.decide('edsger', 'approve', 'canary/run-1')];
      return undefined;
    });
    expect((await run(late)).ending).toBe('Succeeded');
  });
});

const approvedProof = (await stories.approved()).desk().request('ada', 'canary/run-1');
const isOfTheDecision = (state: string): boolean => / decision | decided | decide /.test(state);
await coverage.everyFault({
  scenarios: stories,
  input: (story) => ({ ...request, ...(story.endsWith('pproved') && { proof: approvedProof }) }),
  execution: executionArn,
  endingOf: (state, error, usually) => {
    if (error.startsWith('Sfn.')) return usually;
    if (state === 'Look how the canary trades') return 'RolledBack';
    if (/^(Start|Look at) the cutover of the|^(Start|Look at) the (rollback|halt) of|^Let the approvals|^Write the report|^Tell people how/.test(state)) return 'NeedsAPerson';
    if (isOfTheDecision(state)) return 'RolledBack';
    return 'Refused';
  },
  beside: (error, world, args) => {
    // Started by an earlier attempt.
    if (!error.startsWith('Sfn.')) return;
    const { Name, StateMachineArn, Input } = args as unknown as Record<string, string>;
    world.parts.set(Name!, { machine: StateMachineArn!.replace(/^.*:baton-dev-/, ''), input: JSON.parse(Input!) as Record<string, Json>, looks: 0 });
  },
});

/** Stopped by an operator when it enters this state, and redriven. */
async function redriven(story: keyof typeof stories, state: string): Promise<{ readonly before: readonly string[]; readonly after: readonly string[]; readonly ending: string }> {
  const world = await stories[story]();
  const stop = new AbortController();
  const kept = { progress: {}, history: [] };
  const onEvent = (event: { kind: string; state: string }): void => {
    if (event.kind === 'entered' && event.state === state) stop.abort({ error: 'Operator', cause: 'by hand' });
  };
  const { status, startMs } = await world.run(definition, typed(world), executionArn, { ...kept, signal: stop.signal, onEvent });
  expect(status).toBe('ABORTED');
  const before = started(world);
  const end = await world.run(definition, typed(world), executionArn, { ...kept, redrive: { count: 1, startMs } });
  return { before, after: started(world), ending: end.status === 'SUCCEEDED' ? 'Succeeded' : (end.error ?? end.status) };
}

const admission = 'Look at the canary before the change';
const passed = await Promise.all((['healthy', 'losing', 'losingFirst', 'decidedFor', 'approved'] as const).map(async (story) => {
  const world = await stories[story]();
  await world.run(definition, typed(world), executionArn);
  const states = [...new Set(world.events.flatMap((event) => (event.kind === 'entered' && event.type !== 'Fail' ? [event.state] : [])))];
  return { story, states, admitted: states.indexOf(admission) };
}));

describe.each(passed.flatMap(({ story, states, admitted }) => states.slice(admitted + 1).map((state) => [story, state] as const)))('%s, stopped in: %s', (story, state) => {
  it('starts nothing more when it is redriven', async () => {
    const { before, after, ending } = await redriven(story, state);
    expect(after).toEqual(before);
    expect(['Succeeded', 'RolledBack', 'NeedsAPerson']).toContain(ending);
  });
});

describe('stopped before anything was changed', () => {
  it.each(passed.at(-1)!.states.slice(0, passed.at(-1)!.admitted + 1))('goes on when it is redriven: %s', async (state) => {
    expect(await redriven('approved', state)).toMatchObject({ ending: 'Succeeded', after: [`cutover ${canaryBook}`, `cutover ${book}`] });
  });
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
