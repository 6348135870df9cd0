/** The estimate for people: by Region, stack, service and resource, beside the sources' bill, with its assumptions. */
import { assumptions, type Assumed, type AssumptionName } from './assumptions.ts';
import { type Difference, type Estimate, groupBy, type Line, riseAtMost, risesTooMuch, total } from './estimate.ts';
import { type Compared, compareWithReference, referenceEnvironment, targetsUsd } from './reference-bill.ts';

export interface Subject {
  readonly environment: string;
  readonly home: string;
  readonly assumed: Assumed;
}

/** Figures stand in one column. */
const width = 84;
/** Below it a figure is not worth a line. */
const worthUsd = 0.5;

export function reportOf({ lines, unpriced }: Estimate, { environment, home, assumed }: Subject): string {
  const atHome = lines.filter(({ region }) => region === home);
  const regions = groupBy(lines.toSorted((a, b) => Number(b.region === home) - Number(a.region === home)), ({ region }) => region);
  const out: string[] = [`${environment}: an estimate of a month, in USD (${pricesInWords(lines)})`];
  for (const [region, ofRegion] of regions) {
    out.push('', amount(`${region}${region === home ? ', home' : ', by itself'}`, total(ofRegion)));
    for (const [stack, ofStack] of groupBy(ofRegion, (line) => line.stack)) {
      out.push(amount(`  ${stack}`, total(ofStack)));
      for (const [service, ofService] of byUsd(groupBy(ofStack, (line) => line.service))) {
        out.push(amount(`    ${service}`, total(ofService)), ...resourcesOf(ofService));
      }
    }
  }
  out.push('', amount(regions.size > 1 ? 'All Regions' : 'In all', total(lines)));
  if (unpriced.length > 0) {
    out.push('', 'Not in it, for want of a price:', ...unpriced.map(({ stack, resource, type, why }) => `  ${stack} ${resource} (${type}): ${why}`));
  }
  if (environment === referenceEnvironment) out.push('', ...beside(atHome, lines));
  out.push('', ...requirementsOf(lines), ...target(environment, atHome), '', ...assumptionsInWords(assumed), '');
  return out.join('\n');
}

export function differenceInWords(revision: string, { beforeUsd, afterUsd, changes, newlyUnpriced }: Difference): string {
  const rise = afterUsd - beforeUsd;
  const isLarge = (change: Difference['changes'][number]): boolean => Math.abs(change.afterUsd - change.beforeUsd) >= worthUsd;
  const [large, small] = [changes.filter(isLarge), changes.filter((change) => !isLarge(change))];
  const share = beforeUsd === 0 ? '' : ` (${signed((rise / beforeUsd) * 100, 1)} %)`;
  const out = [
    `Against ${revision}: ${beforeUsd.toFixed(2)} → ${afterUsd.toFixed(2)} USD a month, ${signed(rise)}${share}; a change record says costImpactUsdMonthly ${Math.round(rise)}.`,
    ...large.map((change) => amount(`  ${change.stack} ${change.resource} (${change.region})`, change.afterUsd - change.beforeUsd, (usd) => signed(usd))),
    ...(small.length === 0 ? [] : [amount(`  ${small.length} more, below ${worthUsd} each`, small.reduce((sum, each) => sum + each.afterUsd - each.beforeUsd, 0), (usd) => signed(usd))]),
    ...newlyUnpriced.map(({ stack, resource, type, why }) => `  ${stack} ${resource} (${type}), not in it: ${why}`),
  ];
  if (risesTooMuch({ beforeUsd, afterUsd })) out.push(`That is more than +${riseAtMost * 100} %: it needs somebody's approval.`);
  return `${out.join('\n')}\n`;
}

function pricesInWords(lines: readonly Line[]): string {
  const days = lines.map(({ read }) => read).toSorted();
  const standIns = [...new Set(lines.filter(({ standsIn }) => standsIn).map(({ region }) => region))];
  const said = `list prices read ${days[0] === days.at(-1) ? `on ${days[0] ?? 'no day'}` : `from ${days[0] ?? ''} to ${days.at(-1) ?? ''}`}, no free tier`;
  return standIns.length === 0 ? said : `${said}; where the table has none of ${standIns.join(', ')}, those of us-east-1`;
}

/** Each resource with what it consists of; the small ones as one. */
function resourcesOf(lines: readonly Line[]): string[] {
  const resources = [...groupBy(lines, ({ resource }) => resource)].map(([resource, own]) => ({ resource, usd: total(own), own }));
  const large = resources.filter(({ usd }) => usd >= worthUsd).toSorted((a, b) => b.usd - a.usd);
  const small = resources.filter(({ usd }) => usd < worthUsd);
  return [
    ...large.flatMap(({ resource, usd, own }) => {
      const worth = own.filter((line) => line.usd >= worthUsd);
      if (worth.length === 1) return [amount(`      ${resource}: ${String(worth[0]?.what)}`, usd)];
      return [amount(`      ${resource}`, usd), ...worth.map((line) => `        ${line.usd.toFixed(2).padStart(8)}  ${line.what}`)];
    }),
    ...(small.length === 0 || large.length === 0 ? [] : [amount(`      ${small.length} more, below ${worthUsd} each`, small.reduce((sum, { usd }) => sum + usd, 0))]),
  ];
}

function beside(atHome: readonly Line[], all: readonly Line[]): string[] {
  const compared = compareWithReference([...atHome, ...all.filter((line) => line.bill === 'replica' && !atHome.includes(line))]);
  const sum = (of: (row: Compared) => number): number => compared.reduce((whole, row) => whole + of(row), 0);
  const columns = (what: string, theirs: number, ours: number): string => `${what.padEnd(width - 30)}${money(theirs)}${money(ours)}${signed(ours - theirs).padStart(12)}`;
  return [
    `${'Beside the bill of the sources, one Region'.padEnd(width - 30)}${'theirs'.padStart(12)}${'ours'.padStart(12)}${''.padStart(12)}`,
    ...compared.flatMap(({ what, theirsUsd, oursUsd, because }) => [
      columns(`  ${what}`, theirsUsd, oursUsd),
      ...because.filter(({ usd }) => Math.abs(usd) >= worthUsd).map(({ why, usd }) => `      ${signed(usd)} ${why}`),
    ]),
    columns('  in all', sum(({ theirsUsd }) => theirsUsd), sum(({ oursUsd }) => oursUsd)),
  ];
}

function requirementsOf(lines: readonly Line[]): string[] {
  const asked = groupBy(lines.filter(({ requirement }) => requirement !== undefined), ({ requirement }) => String(requirement));
  return ['What single requirements cost', ...byUsd(asked).map(([requirement, own]) => amount(`  ${requirement}`, total(own)))];
}

/** Whether it fits what it is to cost; else which requirement costs how much of it there, so that all of it adds up. */
function target(environment: string, atHome: readonly Line[]): string[] {
  const most = targetsUsd[environment];
  if (most === undefined) return [];
  const usd = total(atHome);
  if (usd <= most) return ['', `${environment} fits its ${most} USD a month.`];
  const rest = atHome.filter(({ requirement }) => requirement === undefined);
  const asked = groupBy(atHome.filter(({ requirement }) => requirement !== undefined), ({ requirement }) => String(requirement));
  return [
    '', `${environment} is to fit ${most} USD a month in its home Region and exceeds it by ${(usd - most).toFixed(2)}. What it costs there is`,
    ...byUsd(asked).map(([requirement, own]) => amount(`  ${requirement}`, total(own))), amount('  all else', total(rest)),
  ];
}

function assumptionsInWords(assumed: Assumed): string[] {
  const names = Object.keys(assumptions) as AssumptionName[];
  return [
    'Assumed (--assume name=value sets another)',
    ...names.map((name) => {
      const { value, unit, why } = assumptions[name];
      return `  ${`${name}=${assumed[name]}`.padEnd(24)} ${unit}: ${why}${assumed[name] === value ? '' : ` (usually ${value})`}`;
    }),
  ];
}

function byUsd(groups: Map<string, Line[]>): [string, Line[]][] {
  return [...groups].toSorted(([, a], [, b]) => total(b) - total(a));
}

function amount(what: string, usd: number, inWords: (usd: number) => string = (each) => each.toFixed(2)): string {
  return `${what.padEnd(width)} ${inWords(usd).padStart(10)}`;
}

const money = (usd: number): string => usd.toFixed(2).padStart(12);
const signed = (figure: number, digits = 2): string => `${figure >= 0 ? '+' : '−'}${Math.abs(figure).toFixed(digits)}`;
