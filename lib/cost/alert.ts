/**
 * Tells people of a notice, once: it is claimed, told by the first channel that takes it, and noted as told. Who finds it claimed waits
 * a little, and comes again later, for whoever has it may die before it tells. Only a death between the telling and the note makes somebody hear twice,
 * and PagerDuty not even then.
 */
import { DateTime } from 'luxon';
import type * as z from 'zod/mini';
import { wholeBudgetName, type budgetAlert } from '../contracts/budget-alert.ts';
import type { Implementation } from '../contracts/step.ts';
import { inOrder, type Channel } from './channels.ts';
import type { AskCosts } from './cost-explorer.ts';
import { type BillNotice, inOneLine, readNotice } from './notices.ts';
import { likelyCause, type Rise, whatRose } from './rise.ts';
import type { ToldStore } from './told.ts';

/** Nobody was reached. */
export class ChannelsDownError extends Error {
  override readonly name = 'ChannelsDownError';
}

/** Another delivery of it is under way. */
export class BeingToldError extends Error {
  override readonly name = 'BeingToldError';
}

export interface AlertParts {
  readonly environment: string;
  readonly store: ToldStore;
  readonly channels: readonly Channel[];
  readonly costs: AskCosts;
  readonly tags: readonly string[];
  /** Acts on a budget that is spent; the same execution however often it is asked for. Undefined where nothing acts. */
  readonly respond?: ((month: string, reason: string) => Promise<void>) | undefined;
  readonly now: () => Date;
  readonly newAttempt: () => string;
  /** Between looks at a notice that another delivery is telling. */
  readonly pause: () => Promise<void>;
}

/** As many pauses as telling takes at the longest, but for channels that hang; then the delivery is tried again later. */
const looksMax = 15;

const runbook = 'docs/runbooks/cost.md';

type Answer = z.core.input<(typeof budgetAlert)['steps']['tell']['output']>;

export function alertSteps(parts: AlertParts): Implementation<typeof budgetAlert> {
  return {
    async tell(delivered) {
      const notice = readNotice(delivered);
      // At each delivery, whoever was told: what could not be begun is tried again with the next one.
      const notBegun = await begin(notice, parts);
      const answer = await tellOnce(notice, notBegun, parts);
      if (notBegun !== undefined) throw notBegun;
      return answer;
    },
  };
}

/** Acts on the whole budget when it is spent, and on that of no tag; the answer is why that could not be begun. */
async function begin({ budget, month, title }: BillNotice, { respond, environment }: AlertParts): Promise<Error | undefined> {
  if (budget?.kind !== 'ACTUAL' || budget.percent < 100 || budget.name !== wholeBudgetName(environment)) return undefined;
  try {
    await respond?.(month.toFormat('yyyy-LL'), inOneLine(title));
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

async function tellOnce(notice: BillNotice, notBegun: Error | undefined, parts: AlertParts): Promise<Answer> {
  const { environment, store, channels, now, newAttempt } = parts;
  const { name, severity, title } = notice;
  const attempt = newAttempt();
  let claim = await store.claim(name, attempt, now().getTime());
  for (let looks = 1; claim === 'being told' && looks < looksMax; looks += 1) {
    await parts.pause();
    claim = await store.claim(name, attempt, now().getTime());
  }
  if (claim === 'told') return { notice: name, severity, told: 'already', down: [] };
  if (claim === 'being told') throw new BeingToldError(`${name} is being told by another delivery; this one comes again.`);
  const lines = [...(notBegun === undefined ? [] : [`Nothing was stopped: ${notBegun.name}; it is tried again.`]), ...(await bodyOf(notice, parts))];
  const down: string[] = [];
  for (const channel of inOrder(severity, channels)) {
    try {
      const passedOver = down.map((why) => `Not told otherwise: ${why}.`);
      await channel.send({ name, severity, title, lines: [...lines, ...passedOver], source: `baton ${environment}` });
    } catch (error) {
      down.push((error as Error).message);
      continue;
    }
    await store.told(name, attempt, channel.name);
    return { notice: name, severity, told: channel.name, down };
  }
  if (channels.length === 0) {
    await store.told(name, attempt, 'nobody');
    return { notice: name, severity, told: 'nobody', down };
  }
  await store.release(name, attempt);
  throw new ChannelsDownError(`Nobody could be told of ${name}: ${down.join('; ')}.`);
}

async function bodyOf(notice: BillNotice, { costs, tags, now }: AlertParts): Promise<readonly string[]> {
  const today = DateTime.fromJSDate(now(), { zone: 'utc' });
  if (!today.isValid) throw new Error(`now is no time: ${today.invalidExplanation}`);
  const { rises, unknown } = await whatRose(costs, tags, notice.month, today);
  const behind = rises.flatMap((rise) => {
    const cause = likelyCause(rise);
    return cause === undefined ? [] : [`${inOneLine(rise.value)}: likely ${cause.likely}. To do: ${cause.todo}.`];
  });
  const nothing = unknown.length > 0 ? [] : ['Nothing rose by a dollar or more against the same days of last month.'];
  const risen = ['What rose against the same days of last month, in USD:', ...rises.map((rise) => `  ${inWords(rise)}`)];
  return [
    ...notice.said.filter((line) => line !== ''),
    ...(rises.length === 0 ? nothing : risen),
    ...unknown, ...behind, `What to do: ${runbook}`,
  ];
}

function inWords({ by, value, beforeUsd, nowUsd }: Rise): string {
  const of = by === 'SERVICE' ? inOneLine(value) : value === '' ? `without the tag ${by}` : `${by} ${inOneLine(value, 64)}`;
  return `${of}: ${beforeUsd.toFixed(2)} → ${nowUsd.toFixed(2)} (+${(nowUsd - beforeUsd).toFixed(2)})`;
}
