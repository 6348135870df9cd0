/**
 * Every link of the documentation leads somewhere, and every alarm's runbook is a page that has a place for it. Links out of
 * the repository are not followed: no test needs a network.
 */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadSettings } from '../../lib/settings/index.ts';
import { readAssembly } from '../../rehearsal/cloud/assembly.ts';
import { assemblyOf } from '../assemblies.ts';

const root = path.resolve(import.meta.dirname, '../..');
const pages = globSync('**/*.md', { cwd: root, exclude: (name) => ['node_modules', 'cdk.out', 'rehearsal-out', 'coverage'].includes(name) });

/** Without what stands in code, where brackets mean something else. */
function prose(page: string): string {
  return readFileSync(path.join(root, page), 'utf8').replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, '').replaceAll(/^(?: {4}|\t).*$/gm, '').replaceAll(/`[^`\n]*`/g, 'code');
}

function linksOf(page: string): string[] {
  const inline = [...prose(page).matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map(([, target = '']) => target);
  const references = [...prose(page).matchAll(/^\[[^\]]+\]:\s+(\S+)/gm)].map(([, target = '']) => target);
  return [...inline, ...references];
}

/** Anchors as GitHub makes them: lower case, punctuation gone, spaces to hyphens, a number after a repeated one. */
function anchorsOf(page: string): Set<string> {
  const seen = new Map<string, number>();
  const text = readFileSync(path.join(root, page), 'utf8').replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, '');
  return new Set(
    [...text.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)].map(([, heading = '']) => {
      const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
      const anchor = plain.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').trim().replaceAll(/\s/g, '-');
      const before = seen.get(anchor) ?? 0;
      seen.set(anchor, before + 1);
      return before === 0 ? anchor : `${anchor}-${before}`;
    }),
  );
}

/** What is wrong with a link, or nothing. */
function fault(page: string, link: string): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(link)) {
    const isSound = URL.canParse(link) && ['https:', 'http:', 'mailto:'].includes(new URL(link).protocol);
    return isSound ? undefined : 'no URL that a browser opens';
  }
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? page : path.normalize(path.join(path.dirname(page), decodeURIComponent(file)));
  if (target.startsWith('..')) return 'leaves the repository';
  if (!existsSync(path.join(root, target))) return 'no such file';
  if (anchor === undefined) return undefined;
  if (!target.endsWith('.md') || statSync(path.join(root, target)).isDirectory()) return 'an anchor into what has none';
  return anchorsOf(target).has(anchor) ? undefined : `no heading #${anchor}`;
}

test('the pages are found, with their links', () => {
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/deploy.md', 'docs/runbooks/cutover.md']));
  expect(pages.flatMap(linksOf).length).toBeGreaterThan(30);
});

test.each(pages)('every link of %s leads somewhere', (page) => {
  expect(linksOf(page).map((link) => [link, fault(page, link)]).filter(([, wrong]) => wrong !== undefined)).toEqual([]);
});

test.each([
  ['nowhere.md', 'no such file'],
  ['deploy.md#no-such-heading', 'no heading #no-such-heading'],
  ['../../outside.md', 'leaves the repository'],
  ['../lib/secret.ts#here', 'an anchor into what has none'],
  ['javascript:alert(1)', 'no URL that a browser opens'],
  ['https://', 'no URL that a browser opens'],
])('a link that is wrong is seen: %s', (link, wrong) => {
  expect(fault('docs/deploy.md', link)).toBe(wrong);
});

describe('in the templates', () => {
  let resources: Array<{ stack: string; Type: string; Properties?: Record<string, any>; DeletionPolicy?: string }>;
  beforeAll(() => {
    // Staging has everything that there is, a canary too.
    resources = readAssembly(assemblyOf('staging').directory).stacks.flatMap(({ stackName, template }) =>
      Object.values((template as unknown as { Resources: Record<string, (typeof resources)[number]> }).Resources).map((resource) => ({ ...resource, stack: stackName })),
    );
  });

  test('each alarm says its impact in a sentence, and its runbook names it', () => {
    const alarms = resources.filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');
    expect(alarms.length).toBeGreaterThan(5);
    for (const { Properties } of alarms) {
      const { AlarmName: name, AlarmDescription: description } = Properties as { AlarmName: string; AlarmDescription: string };
      const [, impact = '', runbook = ''] = /^(.*) Runbook: (\S+)$/.exec(description) ?? [];
      expect(impact, name).toMatch(/^[A-Z].{20,}\.$/);
      const [page = '', anchor] = runbook.split('#');
      expect(existsSync(path.join(root, page)), `${name}: ${page}`).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(page), `${name}: ${page}`).toContain(anchor);
      const named = name.replace('baton-staging-', '').replace(/-errors$/, '');
      // A row may name the three alarms of a machine in short: `baton-<env>-halt-failed`, `-timedout`, `-aborted`.
      const [, machine, kind] = /^(.*)-(\w+)$/.exec(named) ?? [];
      const lines = readFileSync(path.join(root, page), 'utf8').split('\n');
      const ofAnyBook = loadSettings('staging').books.reduce((known, { name: book }) => known.replace(`${book}-`, '<book>-'), named);
      const says = lines.some((line) => line.includes(named) || line.includes(ofAnyBook) || (line.includes(`-${machine}-`) && line.includes(`\`-${kind}\``)));
      expect(says, `${page} says what to do about ${named}`).toBe(true);
    }
  });

  test('whoever takes it down is told of everything that stays', () => {
    const page = readFileSync(path.join(root, 'docs/deploy.md'), 'utf8');
    const told = new Set([...page.matchAll(/`(AWS::\w+::\w+)`/g)].map(([, type]) => type));
    const kept = resources.filter(({ DeletionPolicy }) => DeletionPolicy === 'Retain').map(({ Type }) => Type);
    // A book is its item in the lease table, which is named.
    expect(told).toEqual(new Set(kept.filter((type) => type !== 'Custom::BatonBook')));
  });
});
