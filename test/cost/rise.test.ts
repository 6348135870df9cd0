/** What rose since last month, from Cost Explorer's own answers: the real client, over the wire, to the model. */
import { CostExplorerClient } from '@aws-sdk/client-cost-explorer';
import { DateTime } from 'luxon';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { alertSteps } from '../../lib/cost/alert.ts';
import type { Message } from '../../lib/cost/channels.ts';
import { costExplorer } from '../../lib/cost/cost-explorer.ts';
import { likelyCause, whatRose } from '../../lib/cost/rise.ts';
import { startFront, type Front } from '../../rehearsal/cloud/front.ts';
import { AwsError } from '../../rehearsal/cloud/model.ts';
import type { Spending } from '../../rehearsal/services/cost-explorer.ts';
import { startLocalServices, type LocalServices } from './local-services.ts';

let services: LocalServices;
let front: Front;
let client: CostExplorerClient;

beforeAll(async () => {
  services = await startLocalServices();
  front = await startFront(services.world);
  client = new CostExplorerClient({ region: 'us-east-1', endpoint: services.world.endpoint, credentials: services.world.operator.credentials, maxAttempts: 1 });
});
afterEach(() => services.costs.forget());
afterAll(async () => {
  client.destroy();
  await services.world.close();
  await front.close();
});

const month = DateTime.utc(2026, 11, 1) as DateTime<true>;
const on = (iso: string): DateTime<true> => DateTime.fromISO(iso, { zone: 'utc' }) as DateTime<true>;
const rose = (now: string, tags: readonly string[] = [], of = month) => whatRose(costExplorer(client), tags, of, on(now));
/** So much a day. */
const daily = (from: string, days: number, each: Omit<Spending, 'day'>): Spending[] =>
  Array.from({ length: days }, (_, index) => ({ day: on(from).plus({ days: index }).toISODate(), ...each }));

describe('days that are over, beside as many of the month before', () => {
  test('the twentieth beside the first twenty: nothing rose that costs the same a day', async () => {
    services.costs.spent(...daily('2026-10-01', 51, { service: 'Amazon ElastiCache', usd: 1.2 }), ...daily('2026-10-01', 31, { service: 'Amazon DynamoDB', usd: 1 }), ...daily('2026-11-01', 20, { service: 'Amazon DynamoDB', usd: 2.5 }));
    const { rises, unknown } = await rose('2026-11-21T09:00:00Z');
    expect(unknown).toEqual([]);
    expect(rises).toEqual([{ by: 'SERVICE', value: 'Amazon DynamoDB', beforeUsd: 20, nowUsd: 50 }]);
  });

  test.each([
    ['on the first of a month: the month before, whole, beside the one before that', '2026-11-01T03:00:00Z', { nowUsd: 62, beforeUsd: 30 }],
    ['a notice of last month that comes late: all of it', '2026-12-15T00:00:00Z', { nowUsd: 90, beforeUsd: 62 }],
  ])('%s', async (_, now, expected) => {
    services.costs.spent(...daily('2026-09-01', 30, { service: 'S', usd: 1 }), ...daily('2026-10-01', 31, { service: 'S', usd: 2 }), ...daily('2026-11-01', 30, { service: 'S', usd: 3 }));
    expect((await rose(now)).rises).toEqual([{ by: 'SERVICE', value: 'S', ...expected }]);
  });

  test('the thirty days of March beside all of February', async () => {
    services.costs.spent(...daily('2026-02-01', 28, { service: 'S', usd: 1 }), ...daily('2026-03-01', 30, { service: 'S', usd: 2 }));
    expect((await rose('2026-03-31T12:00:00Z', [], on('2026-03-01'))).rises).toEqual([{ by: 'SERVICE', value: 'S', beforeUsd: 28, nowUsd: 60 }]);
  });

  test('three of each at the most, the largest first; what carries no tag has the empty value', async () => {
    const each = (index: number): Spending[] => daily('2026-11-01', 20, { service: `S${index}`, usd: index, ...(index > 2 && { tags: { Book: `book${index}` } }) });
    services.costs.spent(...[1, 2, 3, 4, 5].flatMap(each));
    const { rises } = await rose('2026-11-21T00:00:00Z', ['Book']);
    expect(rises.map(({ by, value, nowUsd }) => [by, value, nowUsd])).toEqual([
      ['SERVICE', 'S5', 100], ['SERVICE', 'S4', 80], ['SERVICE', 'S3', 60], ['Book', 'book5', 100], ['Book', 'book4', 80], ['Book', '', 60],
    ]);
  });

  test('pages are followed to the last', async () => {
    services.costs.spent(...Array.from({ length: 150 }, (_, index) => daily('2026-11-01', 20, { service: `S${index}`, usd: 0.1 })).flat(), ...daily('2026-11-20', 1, { service: 'Z', usd: 7 }));
    expect((await rose('2026-11-21T00:00:00Z')).rises[0]).toMatchObject({ value: 'Z', nowUsd: 7 });
  });
});

describe('Cost Explorer does not help', () => {
  test('empty: that is said, for each way to split', async () => {
    const { rises, unknown } = await rose('2026-11-21T00:00:00Z', ['Book']);
    expect(rises).toEqual([]);
    expect(unknown).toEqual(['Cost Explorer has no figures by service yet.', 'Cost Explorer has no figures by the tag Book yet.']);
  });

  test('throttled: what it does say is told', async () => {
    services.costs.spent(...daily('2026-11-01', 20, { service: 'S', usd: 1 }));
    let asked = 0;
    const ask = costExplorer(client);
    const { rises, unknown } = await whatRose(async (...given) => {
      asked += 1;
      if (asked === 1) throw new AwsError('LimitExceededException', 'Rate exceeded');
      return ask(...given);
    }, ['Book'], month, on('2026-11-21T00:00:00Z'));
    expect(unknown).toEqual(['Cost Explorer did not say what rose by service: LimitExceededException.']);
    expect(rises).toMatchObject([{ by: 'Book', value: '', nowUsd: 20 }]);
  });
});

test('what is likely behind it stands beside it, and a tag that somebody wrote to mislead is one line of plain text', async () => {
  services.costs.spent(
    ...daily('2026-11-01', 20, { service: 'Amazon DynamoDB', usd: 5, tags: { Owner: '=HYPERLINK("https://evil")\n<!channel> <script>alert(1)</script>'.padEnd(200, 'x') } }),
    ...daily('2026-11-01', 20, { service: 'Something New', usd: 1 }),
  );
  const heard: Message[] = [];
  const steps = alertSteps({
    environment: 'test', tags: ['Owner'], costs: costExplorer(client), now: () => new Date('2026-11-21T00:00:00Z'), newAttempt: () => 'only', pause: async () => {},
    store: { claim: async () => 'mine', release: async () => {}, told: async () => {} },
    channels: [{ name: 'slack', send: async (message) => void heard.push(message) }],
  });
  await steps.tell({ message: 'spent', messageId: 'one', publishedAt: '2026-11-21T00:00:00Z' });
  expect(heard).toHaveLength(1);
  const lines = heard[0]?.lines ?? [];
  expect(lines).toEqual(expect.arrayContaining([
    '  Amazon DynamoDB: 0.00 → 100.00 (+100.00)', '  Something New: 0.00 → 20.00 (+20.00)',
    expect.stringMatching(/^Amazon DynamoDB: likely the journal.* To do: look at its orders a second/), 'What to do: docs/runbooks/cost.md',
  ]));
  expect(lines.filter((line) => line.startsWith('Something New'))).toEqual([]);
  expect(lines.every((line) => !/[\n\r]/.test(line) && line.length < 220)).toBe(true);
});

test.each(['Amazon DynamoDB', 'Amazon Elastic Container Service', 'EC2 - Other', 'AmazonCloudWatch', 'Amazon Relational Database Service', 'Amazon ElastiCache', 'AWS Backup'])(
  'somebody has written what is likely behind a rise of %s', (value) => {
    expect(likelyCause({ by: 'SERVICE', value, beforeUsd: 0, nowUsd: 1 })).toBeDefined();
    expect(likelyCause({ by: 'Owner', value, beforeUsd: 0, nowUsd: 1 })).toBeUndefined();
  },
);
