/** The bundles that Lambda gets: one for each handler, small, and free of what Lambda never uses. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { afterAll, describe, expect, test } from 'vitest';
import { bundleOf } from '../../lib/constructs/bundles.ts';
import { bundles } from '../../lib/constructs/handler-bundles.ts';

const lambdas = path.resolve(import.meta.dirname, '../../lambdas');
const handlers = readdirSync(lambdas).filter((name) => existsSync(path.join(lambdas, name, 'handler.ts')));
const directory = mkdtempSync(path.join(tmpdir(), 'baton-bundles-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('there is one for every handler', () => {
  expect([...bundles().keys()].toSorted()).toEqual(handlers.toSorted());
});

/** Clients come whole, with what they know of every operation: RDS's of 160, ElastiCache's of 75. Nobody waits for these functions to start. */
const larger: ReadonlyArray<{ readonly limitKb: number; readonly names: readonly string[] }> = [
  { limitKb: 600, names: ['other-region', 'region-watch', 'credential-rotation', 'budget-alert', 'budget-control', 'cost-report', 'key-watch', 'backup-watermark', 'database-restore'] },
  // The ledger's checks beside clients of databases, backups, caches and secrets.
  { limitKb: 800, names: ['backup-check', 'backup-verification', 'drill-control'] },
  // ccxt's clients of seven exchanges, of which one is evaluated.
  { limitKb: 1800, names: ['key-rotation'] },
];

describe.each(handlers)('%s', (name) => {
  const bundle = Buffer.from(bundles().get(name)!);

  const limitKb = larger.find(({ names }) => names.includes(name))?.limitKb ?? 400;
  test(`is at most ${limitKb} KB`, () => {
    expect(bundle.length).toBeLessThanOrEqual(limitKb * 1024);
  });

  test("knows no credentials but Lambda's own", () => {
    const contains = (text: string): boolean => bundle.includes(text);
    expect(contains('run this bundle as a function')).toBe(true);
    expect(['AWS_WEB_IDENTITY_TOKEN_FILE', 'sso_start_url', 'credential_process'].filter(contains)).toEqual([]);
  });

  test('refuses to start without its environment, by name', () => {
    const file = path.join(directory, `${name}.cjs`);
    writeFileSync(file, bundle);
    const { status, stderr } = spawnSync(process.execPath, [file], { env: { AWS_REGION: 'us-east-1' }, encoding: 'utf8', timeout: 120_000 });
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/The environment of \S+ is wrong: BATON_[A-Z_]+:/);
  });
});

test('a bundle that is not there is refused with those that are', () => {
  const stack = new Stack(new App({ outdir: directory }), 'Stack');
  expect(() => bundleOf(stack, 'cutover')).toThrow(/no handler lambdas\/cutover\/handler\.ts\. Seen: .*create-book, .*Add it/);
});
