/** The month's page in a real Chromium: what it draws, on a desk and on a phone, and that nothing in a tag does anything. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { showbackPage, type Showback } from '../../lib/cost/showback.ts';
import { chromiumRunsHere } from '../chromium.ts';
import { desk, usePages } from '../opened-page.ts';

const phone = { width: 360, height: 780 };
const hostile = '<img src=x onerror="alert(1)">=HYPERLINK("https://example.com")<script>alert(2)</script>';

const bill: Showback = {
  environment: 'production', month: '2026-11', totalUsd: 803.1,
  trend: [
    { month: '2026-06', usd: 0 }, { month: '2026-07', usd: 410.2 }, { month: '2026-08', usd: 612.75 }, { month: '2026-09', usd: 700 },
    { month: '2026-10', usd: 755.5 }, { month: '2026-11', usd: 803.1 },
  ],
  by: [
    {
      what: 'Service',
      shares: [
        { value: 'Amazon Relational Database Service', usd: 300, beforeUsd: 290 }, { value: 'EC2 - Other', usd: 150.1, beforeUsd: 151 },
        { value: 'AmazonCloudWatch', usd: 353, beforeUsd: 314.5 },
      ],
    },
    { what: 'Owner', shares: [{ value: hostile, usd: 703.1, beforeUsd: 755.5 }, { value: `team-${'long'.repeat(40)}`, usd: 60, beforeUsd: 0 }, { value: '', usd: 40, beforeUsd: 0 }] },
  ],
};

describe.skipIf(!chromiumRunsHere)('the page of a month', () => {
  const openPage = usePages();
  const open = (viewport: typeof desk, colorScheme: 'dark' | 'light'): Promise<Page> => openPage(showbackPage(bill), { viewport, colorScheme });

  test('draws each month as tall as it was dear, with its figure above it, none over another', async () => {
    const page = await open(desk, 'light');
    const bars = await page.locator('svg rect').evaluateAll((all) => all.map((each) => each.getBoundingClientRect().height));
    const tallest = bars.at(-1) ?? 0;
    expect(tallest).toBeGreaterThan(80);
    for (const [index, { usd }] of bill.trend.entries()) expect((bars[index] ?? 0) / tallest).toBeCloseTo(usd / 803.1, 2);
    const texts = await page.locator('svg text').evaluateAll((all) => all.map((each) => {
      const { left, right, top, bottom } = each.getBoundingClientRect();
      return { text: each.textContent, left, right, top, bottom };
    }));
    expect(texts.map(({ text }) => text)).toEqual(bill.trend.flatMap(({ month, usd }) => [usd.toFixed(2), month]));
    const covering = texts.filter((one) => texts.some((other) => one !== other && one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom));
    expect(covering).toEqual([]);
    const box = await page.locator('svg').boundingBox();
    for (const { left, right, top, bottom } of texts) {
      expect(left >= (box?.x ?? 0) && right <= (box?.x ?? 0) + (box?.width ?? 0)).toBe(true);
      expect(top >= (box?.y ?? 0) && bottom <= (box?.y ?? 0) + (box?.height ?? 0)).toBe(true);
    }
  });

  test.each([['a desk', desk, 'light'], ['a phone', phone, 'light'], ['a phone at night', phone, 'dark']] as const)('fits %s', async (_, viewport, colorScheme) => {
    const page = await open(viewport, colorScheme);
    expect(await page.locator('html').evaluate(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)).toBe(true);
    const [ink, paper] = await page.locator('body').evaluate((body) => {
      const { color = '', backgroundColor = '' } = body.ownerDocument.defaultView?.getComputedStyle(body) ?? {};
      return [color, backgroundColor].map((each) => [...each.matchAll(/\d+/g)].reduce((sum, [part]) => sum + Number(part), 0) / 3);
    });
    expect(Math.abs((ink ?? 0) - (paper ?? 0))).toBeGreaterThan(150);
  });

  test('shows what stands in a tag as the text that it is', async () => {
    const page = await open(desk, 'light');
    expect(await page.locator('td').allTextContents()).toContain(hostile);
    expect(await page.locator('img, script, a').count()).toBe(0);
  });
});
