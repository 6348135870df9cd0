/** A month is over: what it cost is written as a page, by service and tag, and people are told where it is. */
import { AwsError } from '../cloud/model.ts';
import { exactly, type PromiseKept } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

const throttled = 'cost-explorer-throttled';
const empty = 'cost-explorer-empty';
const malicious = 'malicious-tag';
const unpriced = 'price-missing';
/** Of a database: no table of prices has it. */
const unpricedClass = 'db.x9.huge';
const maliciousTag = '=HYPERLINK("https://example.com","x")<script>alert(1)</script>';
/** A function starts, and Lambda tries again twice. */
const boundMs = 30_000;

export const costReport: Scenario = {
  name: 'cost-report',
  maintenance: true,
  summary: 'A month is over: a page shows what it cost by service and tag.',
  promises: ['what is too large is told with the setting to change', 'the page has the month, its trend and each share', "what stands in a tag is text, in the page and in a spreadsheet", 'without figures there is no page, and an alarm rings', 'what has no price is named by the hourly estimate'],
  faults: [
    { name: throttled, summary: 'Cost Explorer refuses a call: it is made again.', outcome: 'succeeded' },
    { name: empty, summary: 'Cost Explorer has no figures, as in a new account.', outcome: 'needs-a-person' },
    { name: malicious, summary: "A tag's value is a formula and a script.", outcome: 'succeeded' },
    { name: unpriced, summary: 'A database was deployed of a class that has no price: the hourly estimate names it.', outcome: 'succeeded' },
  ],
  inAll: [malicious],
  contradiction: (faults) => (faults.includes(empty) && faults.length > 1 ? 'an empty Cost Explorer has no tags, and nothing to try again' : undefined),
  async run(stage, faults): Promise<ScenarioEnd> {
    const beganMs = performance.now();
    const now = new Date();
    const first = (monthsAgo: number): string => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - monthsAgo, 1)).toISOString().slice(0, 10);
    const month = first(1).slice(0, 7);
    const Owner = faults.has(malicious) ? maliciousTag : 'trading-platform';
    if (!faults.has(empty)) {
      stage.spent(...[40, 60].map((usd, index) => ({ day: first(2 - index), service: 'Amazon DynamoDB', tags: { Owner }, usd })), { day: first(1), service: 'AWS Lambda', usd: 20 });
    }
    let refusals = 0;
    const heal = faults.has(throttled)
      ? stage.disturb(({ service }) => {
        if (service !== 'ce' || refusals === 1) return undefined;
        refusals += 1;
        return Promise.reject(new AwsError('LimitExceededException', 'Rate exceeded'));
      })
      : undefined;

    stage.progress.heading('The third of the month');
    stage.comesDue('cost-report');
    const alarm = `baton-${stage.environment}-cost-report-errors`;
    if (faults.has(empty)) {
      await until('the alarm to ring', boundMs, () => stage.ringings(alarm).length > 0);
      return ended('needs-a-person', beganMs, [
        exactly('told', 'Messages to people that it is there', stage.publishedTo('cost-people').filter((text) => text.includes('.html')).length, 0),
      ]);
    }
    const told = await until('a message that it is there', boundMs, () => stage.publishedTo('cost-people').find((text) => text.includes('.html')));
    heal?.();
    const [hour, sizes] = [await hourOf(stage, faults.has(unpriced)), await weekOf(stage)];
    const page = await stage.reportAt(`cost/${month}.html`);
    const has = (name: string, what: string): PromiseKept => exactly(name, `The page has “${what}”`, page.includes(what) ? 'yes' : 'no', 'yes');
    return ended('succeeded', beganMs, [
      exactly('told', 'People are told of', told.includes(`${month} cost 80.00 USD`) ? month : told, month),
      has('service', '<td>Amazon DynamoDB</td><td class="usd">60.00</td><td class="usd">75.0 %</td><td class="usd">+20.00</td>'),
      has('trend', `${month} 80.00 USD`),
      has('tag', faults.has(malicious) ? '<td>&#39;=HYPERLINK(' : '<td>trading-platform</td><td class="usd">60.00</td>'),
      exactly('plain', 'Scripts in the page', page.split('<script').length - 1, 0),
      ...hour,
      ...sizes,
      exactly('tried', 'Refusals of Cost Explorer', refusals, faults.has(throttled) ? 1 : 0),
    ]);
  },
};

interface Deployed {
  readonly TemplateBody: string;
}

/** Between AWS's figures: what is deployed and runs is estimated, and what has no price is no zero. */
async function hourOf(stage: Stage, isMissing: boolean): Promise<readonly PromiseKept[]> {
  stage.progress.heading('An hour');
  const own = `db.${stage.settings.database.instanceClass}`;
  const heal = isMissing
    ? stage.disturb(({ service, operation }, next) =>
      service === 'cloudformation' && operation === 'GetTemplate'
        ? next().then((answer) => ({ ...(answer as Deployed), TemplateBody: (answer as Deployed).TemplateBody.replaceAll(own, unpricedClass) }))
        : undefined)
    : undefined;
  stage.comesDue('cost-burn');
  const line = await until('the hourly estimate', boundMs, () => stage.linesOf('cost-burn').find((each) => each.includes('usdPerMonth')));
  heal?.();
  const { output } = JSON.parse(line) as { output: { usdPerMonth: number; unpriced: readonly string[] } };
  const named = output.unpriced.filter((each) => !each.includes('its witness')).map((each) => /no '(.*)'$/.exec(each)?.[1] ?? each);
  return [
    exactly('unpriced', 'What the hourly estimate names as without a price', [...new Set(named)].toSorted().join(', ') || 'nothing',
      isMissing ? `rds.postgres.multi-az.${unpricedClass}, rds.postgres.single-az.${unpricedClass}` : 'nothing'),
    exactly('estimated', 'The rest is estimated', output.usdPerMonth > 100 ? 'yes' : String(output.usdPerMonth), 'yes'),
  ];
}

const weeks = 14 * 24;

const ofTasks = (prefix: string, book: string): Record<string, string> => ({ ClusterName: prefix, ServiceName: `${prefix}-${book}` });

/** A Monday: database and tasks have been bored for two weeks, the cache is used as it should be, and all goes out through one gateway. */
async function weekOf(stage: Stage): Promise<readonly PromiseKept[]> {
  const { environment, settings: { database, cache } } = stage;
  const prefix = `baton-${environment}`;
  stage.progress.heading('A Monday');
  const instance = { DBInstanceIdentifier: prefix };
  stage.measuredHourly('AWS/RDS', 'CPUUtilization', instance, weeks, (hour) => (hour % 50 === 0 ? 90 : 6));
  stage.measuredHourly('AWS/RDS', 'FreeableMemory', instance, weeks, () => 3.6 * 2 ** 30);
  stage.measuredHourly('AWS/RDS', 'DatabaseConnections', instance, weeks, () => 12);
  for (let node = 1; node <= cache.nodes; node += 1) {
    const of = { CacheClusterId: `${prefix}-00${node}` };
    stage.measuredHourly('AWS/ElastiCache', 'EngineCPUUtilization', of, weeks, () => 15);
    stage.measuredHourly('AWS/ElastiCache', 'DatabaseMemoryUsagePercentage', of, weeks, () => 60);
    stage.measuredHourly('AWS/ElastiCache', 'GetTypeCmds', of, weeks, () => 1000);
  }
  stage.measuredHourly('AWS/ECS', 'CPUUtilization', ofTasks(prefix, stage.book), weeks, () => 8);
  stage.measuredHourly('AWS/ECS', 'MemoryUtilization', ofTasks(prefix, stage.book), weeks, () => 20);
  const { NatGateways } = await stage.operator<{ NatGateways: readonly { NatGatewayId: string }[] }>('ec2', 'DescribeNatGateways', {}, stage.regions.first.name);
  const [used, ...others] = NatGateways;
  stage.measuredHourly('AWS/NATGateway', 'BytesOutToDestination', { NatGatewayId: used?.NatGatewayId ?? '' }, weeks, () => 1e6);
  for (const { NatGatewayId } of others) stage.measuredHourly('AWS/NATGateway', 'BytesOutToDestination', { NatGatewayId }, weeks, () => 0);
  stage.comesDue('right-sizing');
  const told = await until('what could be saved', boundMs, () => stage.publishedTo('cost-people').find((text) => text.includes('The database: ')));
  // Dev's is the smallest already.
  const small = database.instanceClass === 't4g.micro' ? 'The database: fits' : `lib/settings/${environment}.ts: database.instanceClass: '${database.instanceClass}' → 't4g.micro'`;
  const tasks = `lib/settings/${environment}.ts: books, '${stage.book}': task: { vcpu: 1, memoryGb: 2 } → { vcpu: 0.25, memoryGb: 1 }`;
  const gateways = others.length === 0 ? 'The NAT gateways: fits' : `lib/settings/${environment}.ts: network.natGateways: ${NatGateways.length} → 1`;
  const has = (name: string, what: string, line: string): PromiseKept => exactly(name, what, told.includes(line) ? line : told, line);
  return [
    has('tasks', 'Tasks that are too large, with the setting to change', tasks),
    has('gateways', 'Gateways through which nothing goes', gateways),
    has('large', 'A database that is too large, with the setting to change', small),
    exactly('fits', 'What is as large as it should be', /The (cache): fits/.exec(told)?.[1] ?? 'nothing', 'cache'),
  ];
}

function ended(outcome: ScenarioEnd['outcome'], beganMs: number, promises: readonly PromiseKept[]): ScenarioEnd {
  return { outcome, steps: [], modelledDurationMs: performance.now() - beganMs, promises };
}
