/** The page of all drills in a real Chromium: what it says, what it draws, that it needs nothing but itself. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import type { DrillReport } from '../../lib/contracts/drill.ts';
import { trendPage } from '../../lib/drill/trend-page.ts';
import { chromiumRunsHere } from '../chromium.ts';
import { desk, usePages } from '../opened-page.ts';
import { reportOf } from './reports.ts';

describe.skipIf(!chromiumRunsHere)('the page of all drills', () => {
  const openPage = usePages();
  const open = (reports: readonly DrillReport[], width = desk.width): Promise<Page> => openPage(trendPage(reports), { viewport: { ...desk, width } });
  const orders = (page: Page) => page.locator('figure', { hasText: 'From the decision to the accepted orders' });
  const heightOf = (page: Page, of: string): Promise<number[]> => orders(page).locator(of).evaluateAll((all) => all.map((each) => Number(each.getAttribute('cy') ?? each.getAttribute('y1'))));

  test('draws each drill at its height, older ones to the left, and what it may take at most', async () => {
    const page = await open([reportOf(0, { measures: { ordersSeconds: 6 } }), reportOf(2, { measures: { ordersSeconds: 4 } }), reportOf(1, { measures: { ordersSeconds: 5 } })]);
    expect(await page.locator('h1').innerText()).toBe('3 of 3 drills passed');
    const [x, y, most] = await Promise.all([
      orders(page).locator('circle').evaluateAll((all) => all.map((each) => Number(each.getAttribute('cx')))), heightOf(page, 'circle'), heightOf(page, 'line.most'),
    ]);
    expect(x).toEqual(x.toSorted((a, b) => a - b));
    // Higher is less on a screen; steps of one second are as high as each other.
    expect(y[0]! > y[1]! && y[1]! > y[2]! && most[0]! < y[2]!).toBe(true);
    expect(y[0]! - y[1]!).toBeCloseTo(y[1]! - y[2]!, 0);
    expect(await orders(page).locator('figcaption span').innerText()).toBe('last 6 s, 8 s at most');
    expect(await page.locator('tbody tr td:first-child').allInnerTexts()).toEqual(['2026-11-01 02:00', '2026-10-02 02:00', '2026-09-02 02:00']);
  });

  test('says of a drill that was not passed why, marks it, and leaves it out of the line', async () => {
    const page = await open([
      reportOf(0, { passed: false, why: 'the shadow task stopped: <no image>', measures: { ordersSeconds: null, startSeconds: null, ledgerSeconds: null } }),
      reportOf(1, { passed: false, why: 'too slow', measures: { ordersSeconds: 30 } }), reportOf(2, { slower: ['the whole drill: 90 s, in the last 6 drills 60 s at most'] }), reportOf(3),
    ]);
    expect(await page.locator('h1 + p').innerText()).toMatch(/passed began on 2026-09-02 02:00 in us-west-2\. The last one, on 2026-11-01 02:00, was not: the shadow task stopped: <no image>/);
    expect(await orders(page).locator('circle.failed').count()).toBe(1);
    expect(await orders(page).locator('circle.passed').count()).toBe(2);
    expect((await orders(page).locator('polyline').getAttribute('points'))!.split(' ')).toHaveLength(2);
    expect(await page.locator('tbody tr').nth(0).innerText()).toMatch(/not passed/);
    expect(await page.locator('tbody tr').nth(1).locator('td.bad.number').innerText()).toBe('30 s');
    expect(await page.locator('tbody tr').nth(2).innerText()).toMatch(/slower: the whole drill/);
  });

  test('stands with a single drill, and on a phone with years of them', async () => {
    const single = await open([reportOf(0)]);
    expect(await orders(single).locator('circle').count()).toBe(1);
    const phone = await open(Array.from({ length: 40 }, (_, back) => reportOf(back)), 390);
    expect(await phone.locator('html').evaluate(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)).toBe(true);
    const dates = await orders(phone).locator('svg text[text-anchor="middle"]').evaluateAll((all) => all.map((each) => each.getBoundingClientRect()).map(({ left, right }) => ({ left, right })));
    expect(dates.length).toBeGreaterThan(2);
    for (const [index, { left }] of dates.entries()) if (index > 0) expect(left).toBeGreaterThan(dates[index - 1]!.right);
  });
});
