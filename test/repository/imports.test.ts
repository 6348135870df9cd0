/** The layout of docs/architecture.md as a test: who may import whom. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = dirname(dirname(import.meta.dirname));
const roots = ['bin', 'stacks', 'lib', 'lambdas', 'containers', 'rehearsal', 'simulation', 'model', 'bench', 'test'];

interface Import {
  readonly from: string;
  /** A path inside the repository, or the name of a package. */
  readonly to: string;
}

const formsOfImport = [
  /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s*['"]([^'"]+)['"]/g,
  /(?:^|\n)import\s*['"]([^'"]+)['"]/g,
  /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
  /\brequire\(\s*['"]([^'"]+)['"]\s*\)/g,
];

const imports: Import[] = roots.flatMap((folder) => sources(folder)).flatMap(importsOf);

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => join(folder, name));
}

function importsOf(from: string): Import[] {
  const text = readFileSync(join(root, from), 'utf8');
  return formsOfImport.flatMap((form) => [...text.matchAll(form)]).map(([, specifier = '']) => {
    return { from, to: specifier.startsWith('.') ? relative(root, join(root, dirname(from), specifier)) : specifier };
  });
}

const inside = (path: string, ...folders: string[]) => folders.some((folder) => path.startsWith(`${folder}/`));
const isCdk = (name: string) => /^(aws-cdk-lib|constructs|cdk-nag)(\/|$)/.test(name);
const isSdk = (name: string) => name.startsWith('@aws-sdk/');

const rules: { readonly rule: string; readonly broken: (i: Import) => boolean }[] = [
  { rule: 'contracts import neither the CDK nor an SDK', broken: (i) => inside(i.from, 'lib/contracts') && (isCdk(i.to) || isSdk(i.to)) },
  {
    rule: 'stacks, constructs and workflows import no handler',
    broken: (i) => inside(i.from, 'stacks', 'lib/constructs', 'lib/workflows', 'bin') && inside(i.to, 'lambdas'),
  },
  {
    rule: 'nothing outside rehearsal, simulation, test and bench imports rehearsal',
    broken: (i) => !inside(i.from, 'rehearsal', 'simulation', 'test', 'bench') && inside(i.to, 'rehearsal'),
  },
  {
    rule: 'the lease and trading know no Lambda and no CDK',
    broken: (i) =>
      inside(i.from, 'lib/lease', 'lib/trading', 'lib/venues') &&
      (isCdk(i.to) || inside(i.to, 'lambdas', 'stacks', 'lib/constructs') || i.to.startsWith('@aws-lambda')),
  },
  {
    rule: 'the second model of the lease shares nothing with the first',
    broken: (i) => inside(i.from, 'model') && inside(i.to, 'bin', 'stacks', 'lib', 'lambdas', 'containers', 'rehearsal', 'simulation'),
  },
  {
    rule: 'what decides for the machines knows no CDK',
    broken: (i) => inside(i.from, 'lib/backups', 'lib/change', 'lib/cutover', 'lib/data-credentials', 'lib/drill', 'lib/key-rotation', 'lib/key-watch', 'lib/operations', 'lib/recovery', 'lib/restore', 'lib/standby', 'lib/switchover', 'lib/verification') && isCdk(i.to),
  },
  {
    rule: 'what a failover stands on knows nothing of planned moves, which name the other Region',
    broken: (i) => inside(i.from, 'lib/recovery', 'lambdas/recovery-control', 'lambdas/database-recovery') && inside(i.to, 'lib/switchover'),
  },
  { rule: 'handlers and containers know no CDK', broken: (i) => inside(i.from, 'lambdas', 'containers') && isCdk(i.to) },
  { rule: 'the product imports no test and no bench', broken: (i) => !inside(i.from, 'test', 'bench') && inside(i.to, 'test', 'bench') },
  { rule: 'nothing but tests and bench imports the simulation', broken: (i) => !inside(i.from, 'simulation', 'test', 'bench') && inside(i.to, 'simulation') },
];

describe('import rules', () => {
  test('the reader of imports finds what is there', () => {
    expect(imports).toContainEqual({ from: 'lib/contracts/guard-api.ts', to: 'zod/mini' });
    expect(imports.some((i) => i.from === 'lib/lease/store.ts' && i.to === 'lib/lease/model.ts')).toBe(true);
  });

  test('what is shipped imports nothing that is there for development alone', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> };
    const shipped = imports.filter(({ from }) => inside(from, 'bin', 'stacks', 'lib', 'lambdas', 'containers'));
    const packageOf = (name: string): string => name.split('/').slice(0, name.startsWith('@') ? 2 : 1).join('/');
    expect(shipped.filter(({ to }) => Object.hasOwn(devDependencies, packageOf(to)))).toEqual([]);
  });

  test.each(rules)('$rule', ({ broken }) => {
    expect(imports.filter(broken)).toEqual([]);
  });
});
