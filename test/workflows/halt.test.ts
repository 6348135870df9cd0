/** The synthesized halt, run by the engine: every ending, and every Catch, Retry and branch of a Choice by name. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HaltRequest } from '../../lib/contracts/operations.ts';
import { request, trading } from '../../simulation/scenes/halt.ts';
import { book, CutoverWorld } from '../../simulation/worlds/cutover.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const coverage = new Coverage(synthesizedMachines().machines.get('halt')!);

describe('a halt', () => {
  it('stops the book in its first call, and ends when the holder has given it up', async () => {
    const world = await trading();
    expect(await coverage.run(world, request)).toMatchObject({ ending: 'Succeeded' });
    expect(world.calls[0]).toMatchObject({ what: 'dynamodb:updateItem' });
    expect(world.lease()).toMatchObject({ mode: 'halted', halt: { reason: request.reason, by: 'ada' }, epoch: 8 });
    expect(world.lease()).not.toHaveProperty('holder');
    expect(world.notices).toEqual([`Baton: halt of ${book} succeeded`]);
    expect(world.reports.get(`halts/${book}/run-1.json`)).toMatchObject({
      outcome: 'succeeded', requestedBy: 'ada', reason: request.reason, epoch: 7, stopped: world.instance('blue', 1),
    });
  });

  it('works while a cutover has the book, and takes nothing from it', async () => {
    const world = await trading();
    const { token } = await world.control.takeWorkflow(book, 'a cutover');
    expect((await coverage.run(world, request)).ending).toBe('Succeeded');
    expect(world.lease()).toMatchObject({ mode: 'halted', workflow: { token, execution: 'a cutover' } });
  });

  it('halts a book that nobody has opened yet', async () => {
    const world = await CutoverWorld.new();
    expect((await coverage.run(world, request)).ending).toBe('Succeeded');
    expect(world.lease()).toMatchObject({ mode: 'halted', halt: { by: 'ada' }, epoch: 0 });
  });

  it('stands, and asks for a person, when the holder is dead or cut off', async () => {
    const world = await CutoverWorld.trading();
    const { ending, cause } = await coverage.run(world, request);
    expect({ ending, mode: world.lease().mode }).toEqual({ ending: 'NeedsAPerson', mode: 'halted' });
    expect(cause).toMatch(/us-east-1\/blue\/i1 did not give it up .* Look at the open orders at the venue/);
  });
});

describe('a halt that is refused', () => {
  it('names a book that is not there', async () => {
    const world = await CutoverWorld.trading();
    expect(await coverage.run(world, { ...request, book: 'beta' })).toEqual({
      ending: 'Refused', cause: 'There is no book beta here. Correct the name and start again.',
    });
    expect(world.lease().mode).toBe('open');
  });

  it.each([
    { ...request, requestedBy: undefined }, { ...request, reason: 'no' }, { ...request, book: 'Alpha' }, { ...request, more: 1 }, 'alpha', [request], null,
  ])('says what it must say: %j', async (input) => {
    const world = await CutoverWorld.trading();
    const { ending, cause } = await coverage.run(world, JSON.parse(JSON.stringify(input)));
    expect(ending).toBe('Refused');
    expect(cause).toMatch(/needs book, reason and requestedBy, and nothing else. Seen: .*Correct it and start again/);
    expect(world.calls).toEqual([]);
  });

  it('judges any input as the contract does', async () => {
    const text = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('alpha', 'a1', 'A', 'x'.repeat(500), 'x'.repeat(501), 'x'.repeat(101)));
    const value = fc.oneof(text, fc.integer(), fc.constant(null), fc.array(text, { maxLength: 2 }));
    const input = fc.record({ book: value, reason: value, requestedBy: value, more: value }, { requiredKeys: [] });
    await fc.assert(fc.asyncProperty(input, async (typed) => {
      const world = await CutoverWorld.new();
      await world.control.createBook({ book, home: 'us-east-1', leaseMs: 5000 });
      await coverage.run(world, typed);
      expect(world.calls.length > 0).toBe(HaltRequest.safeParse(typed).success);
    }), { numRuns: 150 });
  });
});

await coverage.everyFault({
  scenarios: { trading },
  input: () => request,
  endingOf: (_, error) => (error === 'DynamoDb.ConditionalCheckFailedException' ? 'Refused' : 'NeedsAPerson'),
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
