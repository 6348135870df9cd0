/** What a cutover decides, from what was seen alone. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCutoverRequest } from '../../lib/cutover/request.ts';
import { planCutover } from '../../lib/cutover/plan.ts';
import { judgeHandover } from '../../lib/cutover/handover.ts';
import { judgeStandbys } from '../../lib/cutover/standbys.ts';
import { judgeTrading } from '../../lib/cutover/trading.ts';
import { entryName } from '../../lib/trading/journal.ts';
import {
  instanceId,
  type BookName,
  type Colour,
  type Epoch,
  type Lease,
  type Registration,
  type WorkflowToken,
} from '../../lib/lease/model.ts';

const region = 'us-east-1';
const instance = (colour: Colour, n = 1) => instanceId(region, colour, `i${n}`);
const lease = (more: Partial<Lease> = {}): Lease => ({
  book: 'main' as BookName,
  epoch: 7 as Epoch,
  holder: instance('blue'),
  heartbeat: 3,
  grantId: 'g',
  leaseMs: 5000,
  home: region,
  mode: 'open',
  workflow: { token: 1 as WorkflowToken },
  ...more,
});
const { holder: _, ...nobody } = lease();
const digest = `sha256:${'a'.repeat(64)}`;
const change = { risk: 1, costImpactUsdMonthly: -3.5, summary: 'one fix of a rounding' };
const request = { book: 'main', images: { trader: digest, guard: digest }, reason: 'a fix', requestedBy: 'ada', change };

describe('a request', () => {
  it('is taken as it is when it is right', () => {
    expect(parseCutoverRequest(request, ['main'])).toEqual(request);
  });
  it('is never taken, and never crashes the parser, when it is something else', () => {
    fc.assert(fc.property(fc.anything(), (anything) => {
      expect(() => parseCutoverRequest(anything, ['main'])).toThrow(/There is no book|is not a cutover.*Correct it/);
    }));
  });
  it('says what a field was that nobody knows', () => {
    expect(() => parseCutoverRequest({ ...request, force: true }, ['main'])).toThrow(/force/);
  });
  it('shows long values shortened', () => {
    expect(() => parseCutoverRequest({ ...request, book: 'x'.repeat(5000) }, ['main'])).toThrow(/^.{0,600}$/s);
  });
});

describe('the plan', () => {
  it('is a first cutover at epoch 0, opened before or not', () => {
    for (const mode of ['halted', 'open'] as const) {
      expect(planCutover({ ...nobody, epoch: 0 as Epoch, mode })).toEqual({ first: true, outgoing: null, incoming: 'blue' });
    }
  });
  it.each([['blue', 'green'], ['green', 'blue']] as const)('replaces %s by %s when that holds the lease', (outgoing, incoming) => {
    expect(planCutover(lease({ holder: instance(outgoing) }))).toEqual({ first: false, outgoing, incoming });
  });
  it.each([
    [lease({ mode: 'halted' }), /halted.*Resume/],
    [lease({ mode: 'draining', successor: 'green' }), /draining towards green/],
    [nobody, /nobody holds it/],
  ])('is refused for a book that cannot be cut over (%#)', (seen, message) => {
    expect(() => planCutover(seen)).toThrow(message);
  });
});

describe('the standbys', () => {
  const wanted = { colour: 'green', region, imageDigest: digest, tasks: 2 } as const;
  const registration = (n: number, beat: number, more: Partial<Registration> = {}): Registration => ({
    book: 'main' as BookName,
    instance: instance('green', n),
    colour: 'green',
    region,
    imageDigest: digest,
    ready: true,
    reconciled: true,
    beat,
    ...more,
  });
  const after = (polls: Registration[][]) => {
    let seen = judgeStandbys(polls[0]!, {}, wanted);
    for (const poll of polls.slice(1)) seen = judgeStandbys(poll, seen.sightings, wanted);
    return seen;
  };
  it('are ready when both beats move', () => {
    expect(
      after([
        [registration(1, 1), registration(2, 5)],
        [registration(1, 2), registration(2, 6)],
      ]),
    ).toMatchObject({ ready: true, missing: '' });
  });
  it('may move in different polls', () => {
    expect(
      after([
        [registration(1, 1), registration(2, 5)],
        [registration(1, 2), registration(2, 5)],
        [registration(1, 2), registration(2, 6)],
      ]).ready,
    ).toBe(true);
  });
  it.each<[string, Registration[][], RegExp]>([
    [
      'an item that nobody writes any more',
      [
        [registration(1, 1), registration(2, 1)],
        [registration(1, 2), registration(2, 1)],
      ],
      /has not been seen alive/,
    ],
    [
      'one that fell silent',
      [
        [1, 1],
        [2, 2],
        [3, 2],
        [4, 2],
        [5, 2],
        [6, 2],
      ].map(([a, b]) => [registration(1, a!), registration(2, b!)]),
      /has fallen silent/,
    ],
    [
      'another image',
      [1, 2].map((beat) => [registration(1, beat), registration(2, beat, { imageDigest: 'sha256:old' })]),
      /runs sha256:old instead/,
    ],
    ['one not ready', [1, 2].map((beat) => [registration(1, beat), registration(2, beat, { ready: false })]), /says that it is not ready/],
    [
      'one not reconciled',
      [1, 2].map((beat) => [registration(1, beat), registration(2, beat, { reconciled: false })]),
      /has not reconciled/,
    ],
    ['one of another Region', [1, 2].map((beat) => [registration(1, beat), registration(2, beat, { region: 'us-west-2' })]), /^1 of 2/],
    ['a single one', [1, 2].map((beat) => [registration(1, beat)]), /^1 of 2 green instances are ready$/],
  ])('are not ready with %s', (_name, polls, missing) => {
    const seen = after(polls);
    expect(seen.ready).toBe(false);
    expect(seen.missing).toMatch(missing);
  });
});

describe('a hand-over', () => {
  const wanted = { to: 'green', aboveEpoch: 7 as Epoch, drainedEpoch: 7 as Epoch } as const;
  it.each<[string, Lease, string]>([
    ['before', lease({ mode: 'draining', successor: 'green' }), 'waiting'],
    ['granted, not renewed', lease({ epoch: 8 as Epoch, holder: instance('green'), heartbeat: 0 }), 'waiting'],
    ['renewed', lease({ epoch: 8 as Epoch, holder: instance('green'), heartbeat: 1 }), 'held'],
    ['ended by the holder itself', lease({ mode: 'open' }), 'declined'],
    ['taken back, when the new colour was granted it and died', lease({ mode: 'open', epoch: 9 as Epoch }), 'retaken'],
    ['taken by a standby of the old colour, when the holder died', lease({ mode: 'open', epoch: 8 as Epoch }), 'retaken'],
    ['to nobody', nobody, 'waiting'],
    ['to nobody, and halted meanwhile', { ...nobody, mode: 'halted' }, 'halted'],
    ['halted, before the holder has heard of it', lease({ mode: 'halted' }), 'halted'],
    ['of an old epoch', lease({ epoch: 7 as Epoch, holder: instance('green') }), 'waiting'],
  ])('%s', (_name, seen, state) => {
    expect(judgeHandover(seen, wanted).state).toBe(state);
  });
});

describe('trading', () => {
  const entry = (epoch: number, sequence: number): string => entryName({ epoch: epoch as Epoch, sequence });
  const green = lease({ epoch: 8 as Epoch, holder: instance('green') });
  const wanted = { colour: 'green', newest: '', wanted: 3 } as const;
  it('is proved by enough accepted orders', () => {
    expect(judgeTrading(green, [entry(8, 3), entry(8, 1), entry(8, 2)], wanted)).toMatchObject({ state: 'trading', newest: entry(8, 3) });
    expect(judgeTrading(green, [entry(8, 2), entry(8, 1)], wanted)).toMatchObject({ state: 'waiting', newest: entry(8, 2) });
  });
  it('counts only orders newer than those seen before', () => {
    const again = { ...wanted, newest: entry(8, 3), wanted: 1 };
    expect(judgeTrading(green, [entry(8, 3), entry(8, 2)], again)).toMatchObject({ state: 'waiting', newest: entry(8, 3) });
    expect(judgeTrading(green, [entry(8, 4)], again)).toMatchObject({ state: 'trading', newest: entry(8, 4) });
  });
  it('goes on through an epoch that the standby of the same colour took', () => {
    const next = lease({ epoch: 9 as Epoch, holder: instance('green', 2) });
    expect(judgeTrading(next, [entry(9, 1)], { ...wanted, newest: entry(8, 99), wanted: 1 }).state).toBe('trading');
  });
  it('is lost when the other colour holds the book, and undecided when nobody does', () => {
    expect(judgeTrading(lease(), [entry(7, 1)], wanted).state).toBe('lost');
    expect(judgeTrading(nobody, [], wanted).state).toBe('waiting');
  });
});
