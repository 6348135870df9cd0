/** Pages as a person opens them: from a file, in a real Chromium. Whatever one asks for, says or complains about fails the test that opened it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { openChromium } from './chromium.ts';

export const desk = { width: 1280, height: 900 };

/** For a suite; with the browser that it opens for all of its tests. */
export function usePages(): (html: string, options?: BrowserContextOptions) => Promise<Page> {
  let browser: Browser;
  let directory: string;
  let opened = 0;

  beforeAll(async () => {
    [browser, directory] = await Promise.all([openChromium(), mkdtemp(join(tmpdir(), 'baton-page-'))]);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  return async (html, options) => {
    const file = join(directory, `${(opened += 1)}.html`);
    await writeFile(file, html);
    const context = await browser.newContext({ viewport: desk, ...options });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('dialog', (dialog) => {
      complaints.push(dialog.message());
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (request.url() !== pathToFileURL(file).href && !request.url().startsWith('data:')) complaints.push(`asked for ${request.url()}`);
    });
    onTestFinished(async () => {
      await context.close();
      expect(complaints).toEqual([]);
    });
    await page.goto(pathToFileURL(file).href);
    return page;
  };
}
