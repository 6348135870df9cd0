/**
 * What the topic of the bill is told, read: a budget's threshold, an anomaly, an alarm of ours. Each has a name of its own, the same
 * however often, how late and in which order AWS delivers it, and whatever the figures have become since. Of what cannot be read
 * the text itself is the name, and people get it as it is: nothing is dropped for its form.
 */
import { createHash } from 'node:crypto';
import { DateTime } from 'luxon';
import type { Severity } from '../contracts/budget-alert.ts';

export interface Delivered {
  readonly message: string;
  readonly subject?: string | undefined;
  readonly messageId: string;
  /** When SNS got it, in ISO 8601. */
  readonly publishedAt: string;
}

export interface BillNotice {
  /** Told once. */
  readonly name: string;
  readonly severity: Severity;
  readonly title: string;
  /** What AWS said, for people. */
  readonly said: readonly string[];
  /** The month that it is about, its first day in UTC. */
  readonly month: DateTime<true>;
  readonly budget?: BudgetThreshold;
}

export interface BudgetThreshold {
  readonly name: string;
  readonly kind: 'ACTUAL' | 'FORECASTED';
  readonly percent: number;
  readonly amountUsd: number;
  readonly limitUsd: number;
}

export function readNotice(delivered: Delivered): BillNotice {
  return readBudget(delivered) ?? readJson(delivered) ?? unknown(delivered);
}

/** As people write to a channel that shows one line: no control character, and no more than so many of the others. */
export function inOneLine(text: string, lengthMax = 200): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();
  return line.length <= lengthMax ? line : `${line.slice(0, lengthMax - 1)}…`;
}

/** 1,234.5 as AWS writes it. */
const usd = (text: string | undefined): number => Number(text?.replaceAll(/[$,]/g, ''));

/** The letter of AWS Budgets is for people: lines of `Name: value` below a date. */
function readBudget({ message, publishedAt }: Delivered): BillNotice | undefined {
  const field = (name: string): string | undefined => new RegExp(`^${name}: *(.+?) *$`, 'm').exec(message)?.[1];
  const kind = field('Alert Type');
  const limitUsd = usd(field('Budgeted Amount'));
  const thresholdUsd = usd(field('Alert Threshold')?.replace(/^> */, ''));
  const amountUsd = usd(field(`${kind ?? ''} Amount`));
  const name = field('Budget Name');
  const isWhole = [limitUsd, thresholdUsd, amountUsd].every(Number.isFinite) && limitUsd > 0;
  if (name === undefined || (kind !== 'ACTUAL' && kind !== 'FORECASTED') || !isWhole) return undefined;
  // The date of the letter and not of its delivery: a late one is of the month in which it was written.
  const date = /^AWS Budget Notification (\w+ \d{1,2}, \d{4})/.exec(message)?.[1] ?? '';
  const written = DateTime.fromFormat(date, 'LLLL d, yyyy', { zone: 'utc', locale: 'en-US' });
  const month = monthOf(written.isValid ? written : published(publishedAt));
  const percent = Math.round((thresholdUsd / limitUsd) * 100);
  const figure = `${amountUsd.toFixed(2)} of ${limitUsd.toFixed(2)} USD`;
  const ofMonth = month.toFormat('LLLL yyyy', { locale: 'en-GB' });
  const title =
    kind === 'ACTUAL'
      ? `${percent} % of the budget ${inOneLine(name)} is spent in ${ofMonth}: ${figure}`
      : `${ofMonth} is forecast to cost more than ${percent} % of the budget ${inOneLine(name)}: ${figure}`;
  return {
    name: `budget/${name}/${month.toFormat('yyyy-LL')}/${kind}/${percent}`,
    severity: kind === 'ACTUAL' && percent >= 100 ? 'P1' : 'P2',
    title, said: [], month,
    budget: { name, kind, percent, amountUsd, limitUsd },
  };
}

/** Of Cost Anomaly Detection and of CloudWatch, as far as people want it. */
function readJson(delivered: Delivered): BillNotice | undefined {
  let told: Record<string, unknown>;
  try {
    told = JSON.parse(delivered.message) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (told === null || typeof told !== 'object') return undefined;
  const text = (key: string): string => (typeof told[key] === 'string' ? inOneLine(told[key]) : '');
  const month = monthOf(published(delivered.publishedAt));
  if (text('AlarmName') !== '') {
    return {
      name: `alarm/${text('AlarmName')}/${text('NewStateValue')}/${text('StateChangeTime')}`,
      severity: 'P2', title: `${text('NewStateValue')}: ${text('AlarmName')}`,
      said: [text('AlarmDescription'), text('NewStateReason')], month,
    };
  }
  if (text('anomalyId') !== '') {
    const impact = Number((told['impact'] as { totalImpact?: unknown } | undefined)?.totalImpact);
    const found = Number.isFinite(impact) ? `${impact.toFixed(2)} USD more than usual` : 'more than usual';
    return {
      // It is detected anew each day that it lasts, with another impact.
      name: `anomaly/${text('anomalyId')}`,
      severity: 'P2', title: `Something costs ${found}, by Cost Anomaly Detection`, said: [text('anomalyDetailsLink')], month,
    };
  }
  return undefined;
}

function unknown({ message, subject, publishedAt }: Delivered): BillNotice {
  return {
    name: `other/${createHash('sha256').update(message).digest('hex')}`,
    severity: 'P2', title: inOneLine(subject ?? 'A notice about the bill'), said: [inOneLine(message, 2000)],
    month: monthOf(published(publishedAt)),
  };
}

type PerhapsTime = DateTime<true> | DateTime<false>;

function published(at: string): PerhapsTime {
  return DateTime.fromISO(at, { zone: 'utc' });
}

function monthOf(at: PerhapsTime): DateTime<true> {
  if (!at.isValid) throw new Error(`SNS gave no time of the message: ${at.invalidExplanation ?? ''}`);
  return at.startOf('month');
}
