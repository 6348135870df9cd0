/**
 * AWS Budgets tells of the bill as it does: twice, late, out of order, and with figures that were revised. People are told each threshold
 * once a month, with what rose and what is likely behind it, by whoever can be reached.
 */
import { AwsError } from '../cloud/model.ts';
import { openPagers, type Pagers } from '../pagers.ts';
import { exactly, type PromiseKept } from '../report/report.ts';
import type { Spending } from '../services/cost-explorer.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

const slackDown = 'slack-down';
const throttled = 'cost-explorer-throttled';
const empty = 'cost-explorer-empty';
const malicious = 'malicious-tag';

/** Somebody made a resource with it, to be read as a formula, as markup and as a mention of everybody. */
const maliciousTag = '=HYPERLINK("https://example.com")<!channel><script>alert(1)</script>';
/** As Cost Explorer refuses. */
const throttle = (): Promise<never> => Promise.reject(new AwsError('LimitExceededException', 'Rate exceeded'));

/** Functions start, and Lambda tries again twice. */
const toldBoundMs = 30_000;

export const budgetAlert: Scenario = {
  name: 'budget-alert',
  maintenance: true,
  summary: 'AWS Budgets tells of 80 %, 100 % and a forecast: twice, late, out of order and revised downwards. People are told each once.',
  promises: [
    'one message for each threshold and month',
    'it says what rose since last month, by service and tag, what is likely behind it and what to do',
    'all of a budget spent is a page; the rest is read today',
    'what nobody could be told goes on as AWS wrote it',
  ],
  faults: [
    { name: slackDown, summary: 'Slack answers 503: the next channel is told, and that it was.', outcome: 'succeeded' },
    { name: throttled, summary: 'Cost Explorer refuses every call: the message goes out without what rose, and says so.', outcome: 'succeeded' },
    { name: empty, summary: 'Cost Explorer has no figures, as in a new account: the message says so.', outcome: 'succeeded' },
    { name: malicious, summary: "A tag's value is a formula, markup and a mention: it arrives as plain text.", outcome: 'succeeded' },
  ],
  inAll: [slackDown],
  contradiction: (faults) =>
    [throttled, empty, malicious].filter((fault) => faults.includes(fault)).length > 1 ? 'Cost Explorer does one of these at a time' : undefined,
  fits: ({ notifications }) => notifications.slack && notifications.pagerDuty,
  async run(stage, faults): Promise<ScenarioEnd> {
    const pagers = await openPagers();
    try {
      await stage.operator('secretsmanager', 'PutSecretValue', {
        SecretId: `baton-${stage.environment}/cost-channels`, SecretString: JSON.stringify(pagers.secret),
      }, stage.regions.first.name);
      return await tell(stage, pagers, faults);
    } finally {
      await pagers.close();
    }
  },
};

async function tell(stage: Stage, pagers: Pagers, faults: ReadonlySet<string>): Promise<ScenarioEnd> {
  const beganMs = performance.now();
  const now = new Date();
  const last = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 15));
  if (!faults.has(empty)) stage.spent(...spendings(now, faults.has(malicious) ? maliciousTag : 'trading-platform'));
  const heal = faults.has(throttled) ? stage.disturb(({ service }) => (service === 'ce' ? throttle() : undefined)) : undefined;
  const mend = faults.has(slackDown) ? pagers.takeDown('slack') : undefined;

  stage.progress.heading('Budgets tells of the bill');
  // The later threshold first.
  const first = [budgetLetter(stage, now, 'ACTUAL', 100, 101), budgetLetter(stage, now, 'ACTUAL', 80, 81), budgetLetter(stage, now, 'FORECASTED', 100, 104)];
  await stage.tellOfTheBill(...first);
  await until('three messages', toldBoundMs, () => pagers.received.length >= first.length);
  stage.progress.heading('It tells the same again, revised downwards, and of last month');
  const late = [budgetLetter(stage, last, 'ACTUAL', 100, 100)];
  await stage.tellOfTheBill(...first, budgetLetter(stage, now, 'ACTUAL', 80, 79), ...late, ...late);
  await until('an answer to each', toldBoundMs, () => stage.linesOf('budget-alert').filter((line) => line.includes('"told"')).length >= 2 * first.length + 3);
  heal?.();
  mend?.();
  const messages = [...pagers.received];

  stage.progress.heading('Nobody can be reached');
  const silence = [pagers.takeDown('slack'), pagers.takeDown('pagerduty')];
  const lost = budgetLetter(stage, now, 'FORECASTED', 120, 121);
  await stage.tellOfTheBill(lost);
  const asWritten = await until('what goes on as it was written', toldBoundMs, () => {
    const published = stage.publishedTo('cost-people').filter((text) => text.includes('FORECASTED Amount'));
    return published.length > 0 && published;
  });
  for (const restore of silence) restore();

  const told = (what: string): string => messages.filter(({ text }) => text.includes(what)).map(({ by }) => by).join(', ');
  const readToday = faults.has(slackDown) ? 'pagerduty' : 'slack';
  const month = (of: Date): string => of.toLocaleString('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' });
  return {
    outcome: 'succeeded',
    steps: [],
    modelledDurationMs: performance.now() - beganMs,
    promises: [
      exactly('spent', '100 % of this month was told by', told(`100 % of the budget baton-${stage.environment} is spent in ${month(now)}`), 'pagerduty'),
      exactly('nearly', '80 % of this month was told by', told(`80 % of the budget baton-${stage.environment} is spent in ${month(now)}`), readToday),
      exactly('forecast', 'The forecast was told by', told(`${month(now)} is forecast`), readToday),
      exactly('late', '100 % of last month, late, was told by', told(`is spent in ${month(last)}`), 'pagerduty'),
      exactly('once', 'Messages to people', messages.length, 4),
      ...inEachMessage(messages.map(({ text }) => text), now, faults),
      exactly('plain', 'Mentions and markup in what Slack got', messages.filter(({ by, text }) => by === 'slack' && /<[!@#s]/.test(text)).length, 0),
      exactly('lost', 'Letters that went on as AWS wrote them, because nobody could be told', asWritten.length, 1),
    ],
  };
}

function inEachMessage(texts: readonly string[], now: Date, faults: ReadonlySet<string>): readonly PromiseKept[] {
  const has = (name: string, what: string): PromiseKept =>
    exactly(`says-${name}`, `Messages that say “${what}”`, texts.filter((text) => text.includes(what)).length, texts.length);
  const always = has('todo', 'What to do: docs/runbooks/cost.md');
  if (faults.has(throttled)) return [always, has('unknown', 'Cost Explorer did not say what rose by service: LimitExceededException')];
  if (faults.has(empty)) return [always, has('unknown', 'Cost Explorer has no figures by service yet')];
  const ofThisMonth = texts.find((text) => text.includes('is forecast to cost')) ?? '';
  // On the first of a month there is no day of it to compare.
  const rise = now.getUTCDate() === 1 ? '75.00 → 150.00 (+75.00)' : '150.00 → 300.00 (+150.00)';
  return [
    always, has('cause', 'Amazon DynamoDB: likely the journal'), has('tag', faults.has(malicious) ? 'HYPERLINK' : 'Owner trading-platform'),
    exactly('rose', 'What rose, by the message of the forecast', /Amazon DynamoDB: (\d.*)/.exec(ofThisMonth)?.[1] ?? 'nothing', rise),
  ];
}

/** Twice as much in each month as in the one before, on its first day. */
function spendings(now: Date, Owner: string): readonly Spending[] {
  const of = (monthsAgo: number): string => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - monthsAgo, 1)).toISOString().slice(0, 10);
  return [75, 150, 300].map((usd, index) => ({ day: of(2 - index), service: 'Amazon DynamoDB', tags: { Owner }, usd }));
}

/** As AWS Budgets writes it. */
export function budgetLetter({ environment, settings }: Stage, written: Date, kind: 'ACTUAL' | 'FORECASTED', percent: number, reachedPercent: number): string {
  const { monthlyUsd } = settings.budget;
  const usd = (of: number): string => `$${((monthlyUsd * of) / 100).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  const date = written.toLocaleString('en-US', { month: 'long', day: '2-digit', year: 'numeric', timeZone: 'UTC' });
  return [
    `AWS Budget Notification ${date}`, `AWS Account ${settings.account}`, '', 'Dear AWS Customer,', '',
    `You requested that we alert you when the ${kind} Cost associated with your baton-${environment} budget is greater than ${usd(percent)} for the current month.`,
    '', `Budget Name: baton-${environment}`, 'Budget Type: Cost', `Budgeted Amount: ${usd(100)}`, `Alert Type: ${kind}`,
    `Alert Threshold: > ${usd(percent)}`, `${kind} Amount: ${usd(reachedPercent)}`, '', '[1] https://console.aws.amazon.com/billing/home#/budgets', '',
  ].join('\n');
}
