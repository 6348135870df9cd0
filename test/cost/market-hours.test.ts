/** What follows a market, look by look: one turn at a time, each with a name of its own, and never off while the market is open. */
import { describe, expect, test } from 'vitest';
import { marketState } from '../../lib/change/market-calendar.ts';
import type { BudgetResponseRequest } from '../../lib/contracts/budget-response.ts';
import { aheadMinutes, marketHoursSteps, shortestBreakMinutes, turnOf } from '../../lib/cost/market-hours.ts';

/** As the rule comes, at 5 and at 40 minutes past each hour: over both changes of clocks, Thanksgiving with its half-day, and Good Friday. */
function* looks(): Generator<Date> {
  for (const [from, to] of [['2026-10-20', '2026-12-01'], ['2027-03-08', '2027-04-01']] as const) {
    for (let at = Date.parse(from); at < Date.parse(to); at += 3_600_000) {
      yield new Date(at + 5 * 60_000);
      yield new Date(at + 40 * 60_000);
    }
  }
}

test.each(['cme-futures', 'us-equities'] as const)('%s: at each look it is open, or is in twenty minutes, exactly when what follows it runs', (market) => {
  const names = new Set<string>();
  let turns = 0;
  let before = '';
  for (const at of looks()) {
    const turn = turnOf(market, at);
    if (turn === undefined) throw new Error('it closes at some time');
    const soon = new Date(at.getTime() + aheadMinutes * 60_000);
    const isWanted = [at, soon].some((each) => marketState(market, each, shortestBreakMinutes).open);
    if (turn.isOpen !== isWanted) throw new Error(`${at.toISOString()}: ${turn.name}`);
    if (turn.name !== before) turns += 1;
    before = turn.name;
    names.add(turn.name);
  }
  // Once left, a turn never comes back: its execution is there once.
  expect(turns).toBe(names.size);
  for (const name of names) expect(name).toMatch(/^[\w-]{1,80}$/);
});

test('nothing follows a market that never closes', () => {
  expect(turnOf('always', new Date('2026-11-26T12:00:00Z'))).toBeUndefined();
});

describe('a look', () => {
  const begun = async (at: string): Promise<[string, BudgetResponseRequest][]> => {
    const all: [string, BudgetResponseRequest][] = [];
    await marketHoursSteps(async (...given) => void all.push(given)).look({ at });
    return all;
  };

  test.each([
    ['2026-11-26T12:05:00Z', [['cme-futures-open-until-2026-11-26T1800Z', true], ['us-equities-closed-until-2026-11-27T0900Z', undefined]]],
    // Thanksgiving from noon in Chicago until five.
    ['2026-11-26T18:05:00Z', [['cme-futures-closed-until-2026-11-26T2300Z', undefined], ['us-equities-closed-until-2026-11-27T0900Z', undefined]]],
    ['2026-11-26T22:40:00Z', [['cme-futures-open-until-2026-11-27T1815Z', true], ['us-equities-closed-until-2026-11-27T0900Z', undefined]]],
    ['2026-11-27T08:40:00Z', [['cme-futures-open-until-2026-11-27T1815Z', true], ['us-equities-open-until-2026-11-27T2200Z', true]]],
    ['2026-11-27T22:05:00Z', [['cme-futures-closed-until-2026-11-29T2300Z', undefined], ['us-equities-closed-until-2026-11-30T0900Z', undefined]]],
    // The hour of maintenance of a Wednesday is no closing.
    ['2026-11-18T22:05:00Z', [['cme-futures-open-until-2026-11-20T2200Z', true], ['us-equities-open-until-2026-11-19T0100Z', true]]],
    // An hour later by the clocks of New York than the Sunday before.
    ['2026-10-25T21:40:00Z', [['cme-futures-open-until-2026-10-30T2100Z', true], ['us-equities-closed-until-2026-10-26T0800Z', undefined]]],
    ['2026-11-01T21:40:00Z', [['cme-futures-closed-until-2026-11-01T2300Z', undefined], ['us-equities-closed-until-2026-11-02T0900Z', undefined]]],
  ])('at %s', async (at, meant) => {
    expect((await begun(at)).map(([name, { undo }]) => [name, undo])).toEqual(meant);
  });

  test('at the same time asks for the same', async () => {
    const at = '2026-11-27T22:05:00Z';
    expect(await begun(at)).toEqual(await begun(at));
  });
});
