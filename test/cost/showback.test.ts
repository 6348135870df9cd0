/** Who spent what: the figures of Cost Explorer over the wire, and a page that no tag can turn into anything but text. */
import { CostExplorerClient } from '@aws-sdk/client-cost-explorer';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { costExplorer } from '../../lib/cost/cost-explorer.ts';
import { NoFiguresError, reportSteps } from '../../lib/cost/report-steps.ts';
import { showbackPage, type Showback } from '../../lib/cost/showback.ts';
import { startFront, type Front } from '../../rehearsal/cloud/front.ts';
import { startLocalServices, type LocalServices } from './local-services.ts';

let services: LocalServices;
let front: Front;
let client: CostExplorerClient;
const kept = new Map<string, string>();
const told: string[] = [];

beforeAll(async () => {
  services = await startLocalServices();
  front = await startFront(services.world);
  client = new CostExplorerClient({ region: 'us-east-1', endpoint: services.world.endpoint, credentials: services.world.operator.credentials, maxAttempts: 1 });
});
afterEach(() => {
  services.costs.forget();
  kept.clear();
  told.splice(0);
});
afterAll(async () => {
  client.destroy();
  await services.world.close();
  await front.close();
});

const steps = (now = '2026-12-03T06:00:00Z') => reportSteps({
  environment: 'production', tags: ['Owner'], costs: costExplorer(client), now: () => new Date(now),
  keep: async (name, page) => {
    kept.set(name, page);
    return `s3://reports/${name}`;
  },
  tell: async (subject) => void told.push(subject),
});
/** The cells of a table's rows, as text. */
const rowsOf = (page: string): string[][] =>
  [...page.matchAll(/<tr>(<td.*?)<\/tr>/g)].map(([, row = '']) => [...row.matchAll(/<td[^>]*>(.*?)<\/td>/g)].map(([, text = '']) => text));

describe('a month', () => {
  test('by service and tag, beside the month before, with the trend of half a year', async () => {
    services.costs.spent(
      { day: '2026-06-30', service: 'Amazon DynamoDB', usd: 12 },
      { day: '2026-10-31', service: 'Amazon DynamoDB', tags: { Owner: 'ada' }, usd: 40 },
      { day: '2026-10-01', service: 'Gone', tags: { Owner: 'ada' }, usd: 5 },
      { day: '2026-11-01', service: 'Amazon DynamoDB', tags: { Owner: 'ada' }, usd: 60 },
      { day: '2026-11-30', service: 'AWS Lambda', usd: 20 },
      { day: '2026-12-01', service: 'AWS Lambda', usd: 1000 },
    );
    expect(await steps().showback({})).toEqual({ month: '2026-11', totalUsd: 80, report: 's3://reports/cost/2026-11.html' });
    const page = kept.get('cost/2026-11.html') ?? '';
    expect(rowsOf(page)).toEqual([
      ['Amazon DynamoDB', '60.00', '75.0 %', '+20.00'], ['AWS Lambda', '20.00', '25.0 %', '+20.00'], ['Gone', '0.00', '0.0 %', '−5.00'],
      ['ada', '60.00', '75.0 %', '+15.00'], ['<em>no such tag</em>', '20.00', '25.0 %', '+20.00'],
    ]);
    expect(page).toContain('aria-label="2026-06 12.00 USD, 2026-07 0.00 USD, 2026-08 0.00 USD, 2026-09 0.00 USD, 2026-10 45.00 USD, 2026-11 80.00 USD"');
    expect([...page.matchAll(/<rect [^>]*height="([\d.]+)"/g)].map(([, tall]) => Number(tall)).toSorted((a, b) => a - b).at(-1)).toBeGreaterThan(100);
    expect(told).toEqual(['Baton production: 2026-11 cost 80.00 USD']);
  });

  test('another one, when somebody asks for it', async () => {
    services.costs.spent({ day: '2026-02-28', service: 'AWS Lambda', usd: 3 });
    expect(await steps().showback({ month: '2026-02' })).toMatchObject({ month: '2026-02', totalUsd: 3 });
  });

  test('of which Cost Explorer has nothing is no page of zeros', async () => {
    await expect(steps().showback({})).rejects.toBeInstanceOf(NoFiguresError);
    expect([kept.size, told]).toEqual([0, []]);
  });
});

describe('what somebody wrote into a tag', () => {
  const pageOf = (value: string): string => {
    const shares = [{ value, usd: 1, beforeUsd: 0 }];
    const showback: Showback = { environment: 'production', month: '2026-11', totalUsd: 1, trend: [{ month: '2026-11', usd: 1 }], by: [{ what: 'Owner', shares }] };
    return showbackPage(showback);
  };
  const plain = pageOf('plain');

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '  =HYPERLINK("https://evil")', '\r\n=1'])('is no formula where the table is copied to: %j', (value) => {
    expect(rowsOf(pageOf(value))[0]?.[0]).toMatch(/^&#39;/);
  });

  test('makes no element, no attribute and no script, whatever it is', () => {
    const nasty = fc.constantFrom('<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onmouseover='x", '</td></tr><tr>', '&lt;b&gt;', '`', '\u2028', '\u202e');
    fc.assert(fc.property(fc.oneof(nasty, fc.string({ unit: 'binary' })), (value) => {
      const page = pageOf(value === '' ? 'plain' : value);
      const marks = (text: string): number => text.split(/[<>"]/).length;
      expect(marks(page)).toBe(marks(plain));
      expect(rowsOf(page)).toHaveLength(1);
    }));
  });

  test('and the page could run none: it has a policy that allows nothing', () => {
    expect(plain).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    expect(plain).not.toMatch(/<script|https?:\/\//);
  });
});
