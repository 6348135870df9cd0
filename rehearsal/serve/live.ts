/** What the page shows at an instant: who holds each book, how orders go, what runs, what was done to it. */
import type { Installation } from '../installation.ts';
import { leaseIn } from '../lease-history.ts';
import { neverBroken, type Trading } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import type { Item } from '../services/dynamodb-values.ts';
import { createOrderPath, monotonicMs } from '../venue/record.ts';

export interface BookNow {
  readonly book: string;
  readonly mode: string;
  readonly epoch: number;
  readonly holder: string | undefined;
  readonly colour: string | undefined;
  /** How the holder came to it, and how long it has had it. */
  readonly reason: string;
  readonly heldMs: number;
  readonly workflow: string | undefined;
}
export interface SecondOfOrders {
  readonly accepted: number;
  readonly rejected: number;
}
export interface TaskNow {
  readonly id: string;
  readonly colour: string;
  readonly zone: string;
  readonly status: string;
  readonly health: string;
  readonly revision: number;
}
export interface ExecutionNow {
  readonly name: string;
  readonly machine: string;
  readonly status: string;
  /** The states it is in, or the error that it ended with. */
  readonly where: string;
  readonly ageMs: number;
}
export interface InjectionNow {
  readonly what: string;
  readonly ageMs: number;
  readonly lasts: boolean;
}
export interface Now {
  readonly upMs: number;
  readonly books: readonly BookNow[];
  /** The oldest first. */
  readonly seconds: readonly SecondOfOrders[];
  readonly accepted: number;
  readonly rejected: number;
  /** What must never be, and was, by the venue's record. */
  readonly broken: readonly string[];
  readonly tasks: readonly TaskNow[];
  /** The newest first, these and the injections. */
  readonly executions: readonly ExecutionNow[];
  readonly injections: readonly InjectionNow[];
}

const secondsShown = 60;
const listed = 8;
/** The judge reads the whole record each time. */
const judgedEveryMs = 5000;

export class Watch {
  readonly #installation: Installation;
  /** How far the venue's record has been counted. */
  #counted = { entries: 0, accepted: 0, rejected: 0 };
  readonly #trading: () => Trading;
  #judged: { readonly atMs: number; readonly broken: readonly string[] } = { atMs: -Infinity, broken: [] };

  constructor(installation: Installation, stage: Pick<Stage, 'trading'>) {
    this.#installation = installation;
    this.#trading = () => stage.trading();
  }

  async look(): Promise<Now> {
    const { watchers } = this.#installation;
    this.#count();
    const { accepted, rejected } = this.#counted;
    return {
      upMs: watchers.nowMs(),
      books: await this.#books(),
      seconds: this.#seconds(),
      accepted,
      rejected,
      broken: this.#broken(),
      tasks: this.#tasks(),
      executions: await this.#executions(),
      injections: watchers.injected.slice(-listed).reverse().map(({ what, fromMs, toMs }) => ({ what, ageMs: watchers.nowMs() - fromMs, lasts: toMs === null })),
    };
  }

  async #books(): Promise<readonly BookNow[]> {
    const { leaseTable, watchers } = this.#installation;
    const { Items } = await this.#installation.operator<{ Items: readonly Item[] }>('dynamodb', 'Scan', { TableName: leaseTable, ConsistentRead: true });
    return Items.flatMap((item) => {
      const lease = leaseIn(item);
      if (lease === undefined) return [];
      const tenure = watchers.histories.get(lease.book)?.tenures.findLast(({ epoch }) => epoch === lease.epoch);
      return [{
        book: lease.book, mode: lease.mode, epoch: lease.epoch, holder: lease.holder, colour: tenure?.colour ?? undefined,
        reason: tenure?.reason ?? '', heldMs: tenure === undefined ? 0 : watchers.nowMs() - tenure.fromMs, workflow: lease.workflow.execution,
      }];
    });
  }

  #count(): void {
    const { record } = this.#installation.venue;
    let { entries, accepted, rejected } = this.#counted;
    for (; entries < record.length; entries += 1) {
      const entry = record[entries];
      if (entry?.path !== createOrderPath) continue;
      if (entry.accepted) accepted += 1;
      else rejected += 1;
    }
    this.#counted = { entries, accepted, rejected };
  }

  #broken(): readonly string[] {
    const nowMs = monotonicMs();
    if (nowMs - this.#judged.atMs >= judgedEveryMs) {
      const broken = neverBroken(this.#trading()).filter(({ held }) => !held);
      this.#judged = { atMs: nowMs, broken: broken.map(({ statement, measured }) => `${statement}: ${measured}`) };
    }
    return this.#judged.broken;
  }

  #seconds(): readonly SecondOfOrders[] {
    const { record } = this.#installation.venue;
    const nowMs = monotonicMs();
    const seconds = Array.from({ length: secondsShown }, () => ({ accepted: 0, rejected: 0 }));
    for (let index = record.length - 1; index >= 0; index -= 1) {
      const entry = record[index];
      if (entry === undefined || nowMs - entry.decidedAtMs >= secondsShown * 1000) break;
      const second = seconds[secondsShown - 1 - Math.floor((nowMs - entry.decidedAtMs) / 1000)];
      if (second === undefined || entry.path !== createOrderPath) continue;
      if (entry.accepted) second.accepted += 1;
      else second.rejected += 1;
    }
    return seconds;
  }

  #tasks(): readonly TaskNow[] {
    return this.#installation.tasks
      .tasks()
      .filter(({ lastStatus }) => lastStatus !== 'STOPPED')
      .map(({ taskArn, externalId, availabilityZone, lastStatus, running, definition }) => ({
        id: taskArn.split('/').at(-1)?.slice(0, 8) ?? taskArn, colour: externalId ?? '', zone: availabilityZone, status: lastStatus,
        health: running?.health ?? 'UNKNOWN', revision: definition.revision,
      }));
  }

  async #executions(): Promise<readonly ExecutionNow[]> {
    const { watchers } = this.#installation;
    const newest = watchers.executionLog.executions.slice(-listed).reverse();
    return Promise.all(
      newest.map(async ({ arn, name, machine, fromMs, transitions }) => {
        const { status, error, cause } = await this.#installation.operator<{ status: string; error?: string; cause?: string }>('states', 'DescribeExecution', { executionArn: arn });
        const inside = new Set<string>();
        for (const { state, kind } of transitions) {
          if (kind === 'entered') inside.add(state);
          if (kind === 'exited' || kind === 'failed' || kind === 'caught') inside.delete(state);
        }
        const ended = error === undefined ? '' : `${error}: ${cause ?? ''}`;
        return { name, machine, status, where: status === 'RUNNING' ? [...inside].join(' · ') : ended, ageMs: watchers.nowMs() - fromMs };
      }),
    );
  }
}
