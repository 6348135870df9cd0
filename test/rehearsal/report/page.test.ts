/** The page in a real Chromium: what it says, how it is moved, that it needs nothing but itself. */
import type { BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { page as made } from '../../../rehearsal/report/html/page.ts';
import type { Report } from '../../../rehearsal/report/report.ts';
import { chromiumRunsHere } from '../../chromium.ts';
import { desk, usePages } from '../../opened-page.ts';
import { gap, hostile, refusedAtMs, sample } from './sample.ts';

const phone = { width: 390, height: 844 };

describe.skipIf(!chromiumRunsHere)('the page of a report', () => {
  const openPage = usePages();
  const open = async (report: Report, options: BrowserContextOptions = {}): Promise<Page> =>
    openPage(await made(report), { colorScheme: 'light', reducedMotion: 'reduce', ...options });

  const view = (page: Page): Promise<{ fromMs: number; toMs: number }> =>
    page.locator('.plot').evaluate(({ dataset }) => ({ fromMs: Number(dataset['from']), toMs: Number(dataset['to']) }));
  /** Waits for the frame in which a change is drawn. */
  const drawn = (page: Page): Promise<void> =>
    page.evaluate(() => new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve()))));
  async function pressed(page: Page, ...keys: string[]): Promise<{ fromMs: number; toMs: number }> {
    for (const key of keys) await page.keyboard.press(key);
    await drawn(page);
    return view(page);
  }
  /** Where on the screen an order of that moment is drawn. */
  async function orderAt(page: Page, ms: number): Promise<{ x: number; y: number }> {
    await page.locator('.plot').scrollIntoViewIfNeeded();
    const [plot, lane, { fromMs, toMs }] = await Promise.all([page.locator('.plot').boundingBox(), page.locator('.lane', { hasText: 'Orders' }).boundingBox(), view(page)]);
    return { x: plot!.x + 1 + ((ms - fromMs) / (toMs - fromMs)) * (plot!.width - 2), y: lane!.y + 60 };
  }

  test('says in words what was promised, what was measured, and that all of it held', async () => {
    const page = await open(sample());
    expect(await page.title()).toBe('sample succeeded – Baton rehearsal');
    expect(await page.locator('.verdict').innerText()).toMatch(/^✓ All 5 promises held/);
    const row = page.getByRole('row', { name: /Orders went on through the handover/ });
    expect((await row.innerText()).replaceAll(/\s+/g, ' ')).toContain('✓ held Orders went on through the handover 122 ms 1000 ms');
    expect(await page.locator('.figures').innerText()).toContain('122 ms');
  });

  test('a broken promise is named at the top, marked by a word, and counted in the title', async () => {
    const page = await open(sample({ broken: true }));
    expect(await page.title()).toBe('sample needs a person: a promise was broken – Baton rehearsal');
    expect(await page.locator('.verdict').innerText()).toMatch(/^✗ 1 promise of 5 broken[^]*Broken: No order was accepted twice\./);
    expect((await page.locator('tr.broken').innerText()).toLowerCase()).toContain('✗ broken');
    expect(await page.locator('tr.broken').count()).toBe(1);
    // Of what was measured, only the time has a share of its limit: a count that had to reach its own is no bar that fills.
    expect(await page.locator('.promises .meter').evaluateAll((meters) => meters.map((meter) => meter.getAttribute('aria-label')))).toEqual(['12 %']);
  });

  test('a book that moved to the other Region has a row for each, and what ran says where', async () => {
    const near = sample();
    const page = await open({
      ...near, figures: [{ figure: '5.2 s', meaning: 'RTO: from the decision to the first accepted order' }],
      lease: near.lease.map((tenure) => (tenure.epoch === 2 ? { ...tenure, holder: 'us-west-2/blue/ba9876543210', region: 'us-west-2', colour: 'blue' } : tenure)),
      observed: { ...near.observed, executions: near.observed.executions.map((each) => (each.name === 'two' ? { ...each, region: 'us-west-2' } : each)) },
    });
    expect(await page.locator('.figures').innerText()).toMatch(/RTO: from the decision to the first accepted order\s+5\.2 s/);
    expect(await page.locator('.lane', { hasText: 'Who holds the lease' }).innerText()).toContain('a row for each Region: us-east-1, us-west-2');
    const tenures = page.locator('.tenure');
    expect(await tenures.allTextContents()).toEqual(['nobody · epoch 0', 'us-east-1 · blue · epoch 1', 'us-west-2 · blue · epoch 2']);
    const topsPx = await tenures.evaluateAll((boxes) => boxes.map((box) => Math.round(box.getBoundingClientRect().top)));
    expect(topsPx.map((top) => top - Math.min(...topsPx))).toEqual([0, 0, 30]);
    expect(await page.locator('table.steps').innerText()).toMatch(/sample-machine in us-east-1 at[^]*sample-machine in us-west-2 at/);
    expect(await page.getByRole('button', { name: /sample-machine in us-west-2 at/ }).count()).toBe(1);
  });

  test('a run that broke off before anything happened is a page all the same', async () => {
    const nothing = { orders: [], handovers: [], injected: [], executions: [], machines: {}, compressed: [] };
    const page = await open({ ...sample({ broken: true }), lease: [], steps: [], unusedGrants: [], durationMs: 0, modelledDurationMs: 0, observed: nothing });
    expect(await page.locator('#machines').innerText()).toBe('No state machine ran.');
    expect(await page.locator('.lane').allInnerTexts()).toHaveLength(4);
    await page.locator('.plot').focus();
    await pressed(page, '+', 'ArrowRight', 'Tab', 'ArrowRight');
  });

  test('grants that nothing needed are listed by role, action and resource', async () => {
    const page = await open(sample());
    await page.getByText('1 grant that nothing needed').click();
    expect(await page.getByRole('row', { name: /ecs:DeleteTaskSet/ }).innerText()).toMatch(/machine\s+ecs:DeleteTaskSet\s+arn:aws:ecs/);
  });

  test('text from outside stays text', async () => {
    const page = await open(sample());
    expect(await page.locator('header').innerText()).toContain(hostile);
    expect(await page.evaluate(() => 'hurt' in globalThis)).toBe(false);
    expect(await page.locator('img').count()).toBe(0);
  });

  test('keys zoom, move and show everything again', async () => {
    const page = await open(sample());
    const whole = await view(page);
    expect(whole).toEqual({ fromMs: 0, toMs: 20_000 });
    await page.locator('.plot').focus();
    const near = await pressed(page, '+', '+');
    expect(near.toMs - near.fromMs).toBeLessThan(20_000 / 2);
    const moved = await pressed(page, 'ArrowRight');
    expect(moved.fromMs).toBeGreaterThan(near.fromMs);
    expect(moved.toMs - moved.fromMs).toBeCloseTo(near.toMs - near.fromMs, -1);
    const farther = await pressed(page, '-');
    expect(farther.toMs - farther.fromMs).toBeGreaterThan(near.toMs - near.fromMs);
    expect(await pressed(page, '0')).toEqual(whole);
  });

  test('the wheel zooms where the pointer is once the time line was touched, and scrolls the page before', async () => {
    const page = await open(sample(), { viewport: { ...desk, height: 500 } });
    const at = await orderAt(page, 10_000);
    await page.mouse.move(at.x, at.y);
    const scrolled = await page.evaluate(() => scrollY);
    await page.mouse.wheel(0, -40);
    await expect.poll(() => page.evaluate(() => scrollY)).not.toBe(scrolled);
    expect(await view(page)).toEqual({ fromMs: 0, toMs: 20_000 });
    const there = await orderAt(page, 10_000);
    await page.mouse.click(there.x, there.y);
    await page.mouse.wheel(0, -60);
    await drawn(page);
    const near = await view(page);
    expect(near.toMs - near.fromMs).toBeLessThan(19_000);
    expect((10_000 - near.fromMs) / (near.toMs - near.fromMs)).toBeCloseTo(0.5, 1);
  });

  test('dragging moves what is seen', async () => {
    const page = await open(sample());
    await page.locator('.plot').focus();
    const before = await pressed(page, '+', '+', '+');
    const at = await orderAt(page, (before.fromMs + before.toMs) / 2);
    await page.mouse.move(at.x, at.y);
    await page.mouse.down();
    await page.mouse.move(at.x + 200, at.y, { steps: 4 });
    await page.mouse.up();
    await drawn(page);
    expect((await view(page)).fromMs).toBeLessThan(before.fromMs);
  });

  test('a button goes to the change of hands, with and without motion', async () => {
    for (const reducedMotion of ['reduce', 'no-preference'] as const) {
      const page = await open(sample(), { reducedMotion });
      await page.getByRole('button', { name: /Epoch 1 → 2: 122 ms/ }).click();
      await expect.poll(async () => {
        const { fromMs, toMs } = await view(page);
        return fromMs < gap.fromMs && toMs > gap.toMs && toMs - fromMs < 1000;
      }).toBe(true);
    }
  });

  test('an order under the pointer is told, a refused one with its code', async () => {
    const page = await open(sample());
    await page.getByRole('button', { name: /Epoch 1 → 2/ }).click();
    await drawn(page);
    const accepted = await orderAt(page, gap.toMs);
    await page.mouse.move(accepted.x, accepted.y);
    expect(await page.locator('.details').innerText()).toMatch(/accepted[^]*epoch\s+2, us-east-1\/green/);
    const refused = await orderAt(page, refusedAtMs);
    await page.mouse.move(refused.x, refused.y);
    expect(await page.locator('.details').innerText()).toMatch(/refused with code 10002[^]*late/);
  });

  test('a keyboard walks through orders and steps, and hears what they are', async () => {
    const page = await open(sample());
    await page.locator('.plot').focus();
    await page.keyboard.press('Tab');
    expect(await page.locator('.details').innerText()).toContain('Nobody');
    await pressed(page, 'ArrowRight');
    expect(await page.locator('.details').innerText()).toMatch(/blue\/0123456789ab[^]*taken over/);
    await pressed(page, 'Tab');
    expect(await page.locator('.details').innerText()).toContain('Order 1 of 201: accepted');
    await pressed(page, 'ArrowRight', 'ArrowRight');
    expect(await page.locator('.details').innerText()).toContain('Order 3 of 201: accepted');
    await pressed(page, 'Tab', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight');
    expect(await page.locator('.details').innerText()).toMatch(/Drain and hand over: succeeded[^]*600 ms of 2 min/);
  });

  test('both clocks are told, and a step beside another claims no more than it can know', async () => {
    const page = await open(sample());
    const steps = (await page.locator('table.steps').innerText()).replaceAll(/\s+/g, ' ');
    expect(steps).toMatch(/sample-machine at 1\.0 s Start[^]*sample-machine at 5\.0 s Drain/);
    expect(steps).toContain('Start the new colour 5.0 s 3.0 s ≤ 3 min 5 min');
    expect(steps).toContain('Drain and hand over 9.6 s 600 ms 600 ms 2 min');
    expect(await page.locator('tr.failed').innerText()).toContain('✗ failed: Bake');
    await page.locator('.step', { hasText: 'Start the new colour' }).hover();
    expect(await page.locator('.details').innerText()).toContain('3.0 s, uncompressed 3 min');
  });

  test('the machine shows the path: taken, not taken, caught, ended, and how often', async () => {
    const page = await open(sample());
    const look = (name: RegExp) => page.locator('.state').and(page.getByRole('img', { name }));
    expect(await look(/^Look, Task, taken 2 times, caught Gone/).getAttribute('class')).toBe('state caught');
    expect(await look(/^Done, Succeed, not taken/).getAttribute('class')).toBe('state untaken');
    expect(await look(/^It was rolled back/).getAttribute('class')).toBe('state failed');
    expect(await look(/^Look,/).textContent()).toContain('×2 · caught');
    expect(await page.locator('.edge.catch.taken').count()).toBe(1);
    await look(/^Look,/).hover();
    expect(await page.locator('.details').innerText()).toContain('Gone → Go back (taken)');
    await page.getByRole('button', { name: /✓ sample-machine at 1.0 s/ }).click();
    expect(await look(/^Done, Succeed, taken/).count()).toBe(1);
    expect(await page.locator('.state.caught').count()).toBe(0);
    // Every branch and every state stands within its frame.
    const outside = await page.locator('.machine svg').evaluate((svg) => [...svg.querySelectorAll('.state')].flatMap((state) => {
      const shape = state.firstElementChild!.getBoundingClientRect();
      return [...state.querySelectorAll('text, rect, polygon')].filter((part) => part.closest('.tag') === null).filter((part) => {
        const box = part.getBoundingClientRect();
        return box.left < shape.left - 1 || box.right > shape.right + 1 || box.bottom > shape.bottom + 1;
      }).map((part) => part.textContent);
    }));
    expect(outside).toEqual([]);
  });

  test('dark follows the system and the button, down to the canvas', async () => {
    const page = await open(sample(), { colorScheme: 'dark' });
    const looks = () => page.evaluate(() => {
      const canvas = document.querySelector('canvas')!;
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true })!;
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
      return { paper: getComputedStyle(document.body).backgroundColor, drawn: data.reduce((sum, channel) => sum + channel, 0) / data.length };
    });
    const dark = await looks();
    expect(dark.paper).toBe('rgb(20, 23, 27)');
    await page.getByRole('button', { name: 'Light' }).click();
    await drawn(page);
    const light = await looks();
    expect(light.paper).toBe('rgb(250, 250, 248)');
    expect(light.drawn).not.toBeCloseTo(dark.drawn, 0);
    await page.getByRole('button', { name: 'Dark' }).click();
    await drawn(page);
    expect(await looks()).toEqual(dark);
  });

  test.each([['a desk', desk], ['a phone', phone]] as const)('nothing is cut off or sticks out on %s', async (_where, viewport) => {
    const page = await open(sample(), { viewport });
    const found = await page.evaluate(() => {
      const wide = [...document.querySelectorAll('main *')].filter((element) => element.closest('.plot, .machine, .scroll') === null);
      return {
        page: document.documentElement.scrollWidth - innerWidth,
        cut: wide.filter((element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0).map((element) => element.outerHTML.slice(0, 120)),
        outside: wide.filter((element) => element.getBoundingClientRect().right > innerWidth + 1).map((element) => element.outerHTML.slice(0, 120)),
      };
    });
    expect(found).toEqual({ page: 0, cut: [], outside: [] });
    // In the plot, what went wrong stays readable at the very edge too.
    const plot = (await page.locator('.plot').boundingBox())!;
    for (const label of await page.locator('.fault .label').all()) {
      const { x, width } = (await label.boundingBox())!;
      expect(x).toBeGreaterThanOrEqual(plot.x);
      expect(x + width).toBeLessThanOrEqual(plot.x + plot.width + 1);
    }
  });

  test('fifty thousand orders stay fluid', async () => {
    const page = await open(sample({ orders: 50_000 }));
    const framesMs = await page.locator('.plot').evaluate(async (plot) => {
      const began = performance.now();
      for (let frame = 0; frame < 40; frame += 1) {
        plot.dispatchEvent(new KeyboardEvent('keydown', { key: frame < 20 ? '+' : '-', bubbles: true }));
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
      return (performance.now() - began) / 40;
    });
    console.info(`a frame with 50,000 orders took ${framesMs.toFixed(1)} ms`);
    expect(framesMs).toBeLessThan(250);
  });

  test('printed, it is light and whole', async () => {
    const page = await open(sample());
    await page.getByRole('button', { name: 'Dark' }).click();
    await page.emulateMedia({ media: 'print' });
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(250, 250, 248)');
    expect(await page.locator('.toolbar').first().isVisible()).toBe(false);
    expect(await page.locator('.machine').evaluate((element) => element.scrollHeight - element.clientHeight)).toBeLessThanOrEqual(1);
  });
});
