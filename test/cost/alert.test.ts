/** One message for each threshold and month, whatever AWS delivers: duplicates, late ones, out of order, revised downwards; and none lost. */
import * as fc from 'fast-check';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alertSteps, BeingToldError, ChannelsDownError, type AlertParts } from '../../lib/cost/alert.ts';
import type { Channel, Message } from '../../lib/cost/channels.ts';
import { type Delivered, readNotice } from '../../lib/cost/notices.ts';
import { claimMs, toldTable, type ToldStore } from '../../lib/cost/told.ts';
import { seeded } from '../../rehearsal/seeded.ts';
import { startLocalServices, tableName, type LocalServices } from './local-services.ts';

let services: LocalServices;
beforeAll(async () => {
  services = await startLocalServices();
});
afterAll(() => services.world.close());

interface Letter {
  readonly budget?: string;
  readonly kind?: 'ACTUAL' | 'FORECASTED';
  readonly percent?: number;
  readonly amountUsd?: number;
  readonly written?: string;
  readonly publishedAt?: string;
}

/** As AWS Budgets writes it. */
function letter({ budget = 'baton-production', kind = 'ACTUAL', percent = 80, amountUsd = 1612.5, written = 'November 21, 2026', publishedAt = '2026-11-21T10:00:00.000Z' }: Letter = {}): Delivered {
  const money = (usd: number): string => `$${usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  const threshold = money(20 * percent);
  return {
    messageId: 'one', publishedAt, subject: `AWS Budgets: ${budget} has exceeded your alert threshold`,
    message: [
      `AWS Budget Notification ${written}`, 'AWS Account 333333333333', '', 'Dear AWS Customer,', '',
      `You requested that we alert you when the ${kind} Cost associated with your ${budget} budget is greater than ${threshold} for the current month.`, '',
      `Budget Name: ${budget}`, 'Budget Type: Cost', `Budgeted Amount: ${money(2000)}`, `Alert Type: ${kind}`, `Alert Threshold: > ${threshold}`,
      `${kind} Amount: ${money(amountUsd)}`, '', '[1] https://console.aws.amazon.com/billing/home#/budgets', '',
    ].join('\n'),
  };
}

describe('a notice is read', () => {
  test('of a budget: which threshold, of which month, how much', () => {
    expect(readNotice(letter())).toMatchObject({
      name: 'budget/baton-production/2026-11/ACTUAL/80', severity: 'P2',
      title: '80 % of the budget baton-production is spent in November 2026: 1612.50 of 2000.00 USD',
      budget: { kind: 'ACTUAL', percent: 80, amountUsd: 1612.5, limitUsd: 2000 },
    });
  });

  test.each<[string, Letter, string, string]>([
    ['all of it is spent: a page', { percent: 100, amountUsd: 2000.01 }, 'budget/baton-production/2026-11/ACTUAL/100', 'P1'],
    ['a forecast', { kind: 'FORECASTED', percent: 100 }, 'budget/baton-production/2026-11/FORECASTED/100', 'P2'],
    ['revised downwards: the same notice', { amountUsd: 1 }, 'budget/baton-production/2026-11/ACTUAL/80', 'P2'],
    ['delivered in the next month: of the month in which it was written', { publishedAt: '2026-12-03T00:00:00.000Z' }, 'budget/baton-production/2026-11/ACTUAL/80', 'P2'],
    ['one digit of a day', { written: 'December 1, 2026' }, 'budget/baton-production/2026-12/ACTUAL/80', 'P2'],
    ['a date that nobody can read: of the month of its delivery', { written: 'gestern' }, 'budget/baton-production/2026-11/ACTUAL/80', 'P2'],
  ])('%s', (_, given, name, severity) => {
    expect(readNotice(letter(given))).toMatchObject({ name, severity });
  });

  test('of an anomaly, of an alarm', () => {
    const at = { messageId: 'one', publishedAt: '2026-11-21T10:00:00.000Z' };
    expect(readNotice({ ...at, message: JSON.stringify({ anomalyId: 'a-1', impact: { totalImpact: 61.234 }, anomalyDetailsLink: 'https://console' }) }))
      .toMatchObject({ name: 'anomaly/a-1', title: 'Something costs 61.23 USD more than usual, by Cost Anomaly Detection', said: ['https://console'] });
    const alarm = { AlarmName: 'baton-dev-cost-burn', NewStateValue: 'ALARM', StateChangeTime: '2026-11-21T09:59:00Z', AlarmDescription: 'It burns.', NewStateReason: 'Three hours' };
    expect(readNotice({ ...at, message: JSON.stringify(alarm) }))
      .toMatchObject({ name: 'alarm/baton-dev-cost-burn/ALARM/2026-11-21T09:59:00Z', said: ['It burns.', 'Three hours'] });
  });

  test('whatever it is, it is told, by its text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (message) => {
      const notice = readNotice({ message, messageId: 'one', publishedAt: '2026-11-21T10:00:00.000Z' });
      expect(notice.name).toBe(readNotice({ message, messageId: 'two', publishedAt: '2026-11-30T10:00:00.000Z' }).name);
      expect([notice.title, ...notice.said].join('')).not.toMatch(/\p{Cc}/u);
    }));
  });
});

/** A world in which deliveries come and are tried again, and channels go up and down. */
class Deliveries {
  readonly told = new Map<string, number>();
  readonly asWritten = new Map<string, number>();
  responses = 0;
  deaths = 0;
  nowMs = Date.parse('2026-11-01T00:00:00Z');
  readonly #random: () => number;
  readonly #store: ToldStore;
  readonly #down: number;
  #attempts = 0;

  constructor(seed: number, prefix: string, faults: { readonly down: number; readonly dies: number }) {
    this.#down = faults.down;
    this.#random = seeded(seed);
    const table = toldTable(services.client, tableName);
    // One table for all: each world has its own names.
    const named = (notice: string): string => `${prefix}/${notice}`;
    const mayDie = (): void => {
      if (!this.#chance(faults.dies)) return;
      this.deaths += 1;
      throw new DeathError('the function was killed');
    };
    this.#store = {
      async claim(notice, attempt, nowMs) {
        const claim = await table.claim(named(notice), attempt, nowMs);
        if (claim === 'mine') mayDie();
        return claim;
      },
      release: (notice, attempt) => table.release(named(notice), attempt),
      async told(notice, attempt, by) {
        mayDie();
        await table.told(named(notice), attempt, by);
      },
    };
  }

  #chance(of: number): boolean {
    return this.#random() < of;
  }

  /** @returns whether Lambda need not try it again */
  async deliver(delivered: Delivered): Promise<boolean> {
    const count = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
    const channel = (name: Channel['name']): Channel => ({
      name,
      send: async ({ name: notice }: Message) => {
        if (this.#chance(this.#down)) throw new Error(`${name} answered 503`);
        count(this.told, notice);
      },
    });
    const parts: AlertParts = {
      environment: 'production', store: this.#store, channels: (['slack', 'pagerduty', 'email'] as const).map(channel), costs: async () => [], tags: [],
      respond: async () => void (this.responses += 1), now: () => new Date(this.nowMs), newAttempt: () => String((this.#attempts += 1)),
      pause: () => new Promise((resolve) => setImmediate(resolve)),
    };
    try {
      await alertSteps(parts).tell(delivered);
      return true;
    } catch (error) {
      if (error instanceof BeingToldError || error instanceof ChannelsDownError || error instanceof DeathError) return false;
      throw error;
    }
  }

  /** Shuffled, several at once, each tried three times as Lambda does, a minute and two later. */
  async deliverAll(all: readonly Delivered[]): Promise<void> {
    const waiting = all.map((delivered) => ({ delivered, tries: 0, notBeforeMs: 0 }));
    for (let index = waiting.length - 1; index > 0; index -= 1) {
      const other = Math.floor(this.#random() * (index + 1));
      [waiting[index], waiting[other]] = [waiting[other]!, waiting[index]!];
    }
    while (waiting.length > 0) {
      const batch = waiting.filter(({ notBeforeMs }) => notBeforeMs <= this.nowMs).slice(0, 1 + Math.floor(this.#random() * 8));
      for (const each of batch) waiting.splice(waiting.indexOf(each), 1);
      const done = await Promise.all(batch.map(({ delivered }) => this.deliver(delivered)));
      for (const [index, each] of batch.entries()) {
        if (done[index] === true) continue;
        const tries = each.tries + 1;
        // What is given up goes on as it was written: the destination of failures.
        if (tries === 3) this.asWritten.set(readNotice(each.delivered).name, 1);
        else waiting.push({ ...each, tries, notBeforeMs: this.nowMs + tries * (claimMs + 1000) });
      }
      this.nowMs += Math.floor(this.#random() * 4000);
    }
  }
}

class DeathError extends Error {
  override readonly name = 'DeathError';
}

/** Of each threshold of a year some, with figures that go up and down, weeks late. */
function manyLetters(count: number, random: () => number): { readonly letters: readonly Delivered[]; readonly names: ReadonlySet<string> } {
  const letters = Array.from({ length: count }, () => {
    const day = DateTime.utc(2026, 1 + Math.floor(random() * 12), 1 + Math.floor(random() * 28));
    const publishedAt = day.plus({ hours: Math.floor(random() * 24 * 40) }).toJSDate().toISOString();
    const threshold = ([['ACTUAL', 80], ['ACTUAL', 100], ['FORECASTED', 100]] as const)[Math.floor(random() * 3)] ?? ['ACTUAL', 80];
    const [kind, percent] = threshold;
    return letter({
      budget: random() < 0.5 ? 'baton-production' : 'baton-production-alpha', kind, percent, amountUsd: Math.round(random() * 300_000) / 100,
      written: day.toFormat('LLLL dd, yyyy', { locale: 'en-US' }), publishedAt,
    });
  });
  return { letters, names: new Set(letters.map((each) => readNotice(each).name)) };
}

describe('deliveries', () => {
  test('ten thousand of them, shuffled, are one message for each threshold and month', async () => {
    await fc.assert(fc.asyncProperty(fc.integer(), async (seed) => {
      const { letters, names } = manyLetters(10_000, seeded(seed));
      const world = new Deliveries(seed, `plain-${seed}`, { down: 0, dies: 0 });
      await world.deliverAll(letters);
      expect(names.size).toBe(72);
      expect(world.told).toEqual(new Map([...names].map((name) => [name, 1])));
      expect(world.responses).toBeGreaterThan(0);
    }), { numRuns: 1 });
  }, 180_000);

  test('with channels that go down and functions that die, none is lost, and only a death makes somebody hear twice', async () => {
    await fc.assert(fc.asyncProperty(fc.integer(), fc.double({ min: 0, max: 0.6, noNaN: true }), async (seed, down) => {
      const { letters, names } = manyLetters(400, seeded(seed));
      const world = new Deliveries(seed, `faults-${seed}-${down}`, { down, dies: 0.1 });
      await world.deliverAll(letters);
      for (const name of names) expect((world.told.get(name) ?? 0) + (world.asWritten.get(name) ?? 0), name).toBeGreaterThanOrEqual(1);
      const twice = [...world.told.values()].reduce((sum, times) => sum + times - 1, 0);
      expect(twice).toBeLessThanOrEqual(world.deaths);
    }), { numRuns: 20 });
  }, 180_000);

  test('who finds a claim of somebody that died waits for no longer than a function may run', async () => {
    const world = new Deliveries(1, 'died', { down: 0, dies: 1 });
    expect(await world.deliver(letter())).toBe(false);
    const next = new Deliveries(2, 'died', { down: 0, dies: 0 });
    expect(await next.deliver(letter())).toBe(false);
    next.nowMs += claimMs + 1;
    expect(await next.deliver(letter())).toBe(true);
    expect(next.told.get('budget/baton-production/2026-11/ACTUAL/80')).toBe(1);
  });

  test('the whole budget is acted on by each delivery of its last threshold, and by no other; that of a tag is told alone', async () => {
    const world = new Deliveries(3, 'acts', { down: 0, dies: 0 });
    for (const given of [{}, { budget: 'baton-production-Book-alpha', percent: 100 }, { kind: 'FORECASTED', percent: 100 }, { percent: 100 }, { percent: 100 }] as const) await world.deliver(letter(given));
    expect(world.responses).toBe(2);
  });

  test('what could not be begun is said, and tried again with the next delivery', async () => {
    const heard: Message[] = [];
    let tries = 0;
    const steps = alertSteps({
      environment: 'begun-later', store: toldTable(services.client, tableName), costs: async () => [], tags: [], newAttempt: () => 'one', pause: async () => {},
      channels: [{ name: 'slack', send: async (message) => void heard.push(message) }], now: () => new Date('2026-11-21T00:00:00Z'),
      respond: async () => {
        tries += 1;
        if (tries === 1) throw Object.assign(new Error('Rate exceeded'), { name: 'ThrottlingException' });
      },
    });
    const delivered = letter({ budget: 'baton-begun-later', percent: 100 });
    await expect(steps.tell(delivered)).rejects.toMatchObject({ name: 'ThrottlingException' });
    expect(await steps.tell(delivered)).toMatchObject({ told: 'already' });
    expect(heard.map(({ lines }) => lines[0])).toEqual(['Nothing was stopped: ThrottlingException; it is tried again.']);
  });

  test('where nobody can be told, that is the answer, and it is said once', async () => {
    const store = toldTable(services.client, tableName);
    const steps = alertSteps({
      environment: 'test', store, channels: [], costs: async () => [], tags: [], now: () => new Date('2026-11-21T00:00:00Z'), newAttempt: () => 'only', pause: async () => {},
    });
    const delivered = letter({ budget: 'of nobody' });
    expect(await steps.tell(delivered)).toMatchObject({ told: 'nobody' });
    expect(await steps.tell(delivered)).toMatchObject({ told: 'already' });
  });
});
