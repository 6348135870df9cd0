/** The synthesized replacement of a key by hand, run by the engine on the rotation's own steps: every ending, and every Catch, Retry and branch by name. */
import { describe, expect, it } from 'vitest';
import { TaskFailure } from '../../rehearsal/states/engine.ts';
import { firstVersion } from '../../simulation/worlds/keys.ts';
import { request, withAPerson, type Doing } from '../../simulation/scenes/replace-key.ts';
import { book, CutoverWorld } from '../../simulation/worlds/cutover.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const coverage = new Coverage(synthesizedMachines().machines.get('replace-key')!);
describe('a replacement by hand', () => {
  it('asks for the key, proves it, moves every task to it, and sees the old one refused when a person has deleted it', async () => {
    const world = await withAPerson();
    const messages: string[] = [];
    const answer = world.onPersonAsked;
    world.onPersonAsked = (subject, message) => {
      messages.push(message);
      return answer(subject, message);
    };
    expect(await coverage.run(world, request)).toEqual({ ending: 'Succeeded', cause: '' });
    for (const message of messages) expect(message).toMatch(/aws stepfunctions send-task-success --region us-east-1 --task-output '\{\}' --task-token 'uuid'/);
    expect(messages).toHaveLength(2);
    expect(world.keys.tasks.map(({ apiKey }) => apiKey)).toEqual(['k-hand', 'k-hand', 'k-hand']);
    expect(world.keys.broken).toEqual([]);
    expect(world.notices).toEqual([
      `Baton: a new exchange key is wanted for ${book}`, `Baton: delete the old exchange key of ${book}`, `Baton: replacement of a key of ${book} succeeded`,
    ]);
    expect(world.reports.get(`key-replacements/${book}/run-1.json`)).toMatchObject({ outcome: 'succeeded', key: 'by hand' });
    // Nobody stopped trading for it.
    expect(world.lease()).toMatchObject({ mode: 'open', epoch: 7 });
  });

  it('waits for a task that comes late', async () => {
    const world = await withAPerson();
    world.keys.stubborn = 'three';
    let looks = 0;
    world.faults.set('Look whether every task has proved the new key', () => {
      looks += 1;
      if (looks === 3) world.keys.stubborn = '';
      return undefined;
    });
    expect((await coverage.run(world, request)).ending).toBe('Succeeded');
    expect(looks).toBeGreaterThan(2);
  });

  it.each<[string, Doing, (world: CutoverWorld) => void, RegExp]>([
    ['nobody answers', { puts: true }, (world: CutoverWorld) => void (world.onPersonAsked = () => undefined), /Ask a person to make a new key: .*States\.Timeout|States\.Timeout/],
    ['somebody says no', {}, (world: CutoverWorld) => void (world.onPersonAsked = () => ({ error: 'NotNow', cause: 'the venue is down' })), /NotNow the venue is down/],
    ['nothing was put in', { puts: false }, () => undefined, /not pending/],
    ['a task never uses it', {}, (world: CutoverWorld) => void (world.keys.stubborn = 'two'), /was promoted, and not proved within 3600 s by: two.*do not delete it/],
    ['the old key was not deleted', { deletes: false }, () => undefined, /still accepts the old key.*Delete it in the pages of the venue/],
  ])('calls a person when %s', async (_, does, change, why) => {
    const world = await withAPerson(does);
    change(world);
    const { ending, cause } = await coverage.run(world, request);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(why);
    expect(world.keys.broken).toEqual([]);
    expect(world.keys.keys.has('k-person')).toBe(true);
    if (world.keys.secrets.get('us-east-1')!.stages.current === firstVersion) expect(world.keys.tasks.every(({ apiKey }) => apiKey === 'k-person')).toBe(true);
  });

  it('is refused for a book that is not there, and asks nobody', async () => {
    const world = await withAPerson();
    expect(await coverage.run(world, { ...request, book: 'nosuch' })).toMatchObject({ ending: 'Refused', cause: expect.stringMatching(/no book 'nosuch'/) as string });
    expect(world.notices).toEqual([]);
  });

  it('waits while the function does another thing, and asks again where that is declared', async () => {
    const world = await withAPerson();
    const failing = ['Lambda.TooManyRequestsException', 'VenueUnclearError', 'Lambda.TooManyRequestsException'];
    const states = ['Prove the key that a person put in', 'Promote the key that a person put in', 'Look whether every task has proved the new key', 'See that the old key is refused'];
    for (const state of states) {
      const left = [...failing];
      world.faults.set(state, () => {
        const error = left.pop();
        if (error === undefined) return undefined;
        throw new TaskFailure(error, '{"errorMessage":"not now","x":1}');
      });
    }
    expect((await coverage.run(world, request)).ending).toBe('Succeeded');
  });
});

await coverage.everyFault({
  scenarios: { withAPerson: () => withAPerson() },
  input: () => request,
  endingOf: (state) => (state.startsWith('Check ') ? 'Refused' : 'NeedsAPerson'),
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
