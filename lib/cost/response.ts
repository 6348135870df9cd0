/**
 * What a spent budget stops: tasks of the cluster in which nothing can trade, and the size of a database where the settings say so.
 * What is about to be stopped is written down before it is: a response that was interrupted is run again, and its undo knows of
 * everything that either of them stopped.
 */
import { createHash } from 'node:crypto';
import { BudgetResponseRequest, tasksMax, type budgetControl } from '../contracts/budget-response.ts';
import { faultsOf } from '../contracts/faults.ts';
import type { Implementation } from '../contracts/step.ts';

export interface ResearchTask {
  readonly arn: string;
  readonly definition: string;
  /** As ECS has them: commands, sizes, variables. */
  readonly overrides: unknown;
}

/** Of a month: what there was before. */
export interface ResponseRecord {
  readonly stopped: readonly ResearchTask[];
  readonly databaseClass?: string | undefined;
}

export interface ResponseParts {
  readonly runningTasks: () => Promise<readonly ResearchTask[]>;
  readonly databaseClass: () => Promise<string>;
  /** The class that it is to have when a budget is spent; undefined where it keeps its own. */
  readonly spentClass: string | undefined;
  readonly read: (month: string) => Promise<ResponseRecord | undefined>;
  readonly write: (month: string, record: ResponseRecord) => Promise<void>;
  readonly forget: (month: string) => Promise<void>;
}

export class RequestRefusedError extends Error {
  override readonly name = 'RequestRefusedError';
}

const example = '{ "month": "2026-11", "reason": "…", "requestedBy": "…" }';

export function responseSteps({ runningTasks, databaseClass, spentClass, read, write, forget }: ResponseParts): Implementation<typeof budgetControl> {
  return {
    async plan({ request }) {
      const parsed = BudgetResponseRequest.safeParse(request);
      if (!parsed.success) {
        throw new RequestRefusedError(`The input is wrong. ${faultsOf(parsed.error, request)}. Correct it and start again; it looks like ${example}.`);
      }
      const { month, reason, requestedBy, undo = false } = parsed.data;
      const about = { month, reason, requestedBy, undo };
      const record = await read(month);
      if (undo) {
        if (record === undefined) throw new RequestRefusedError(`Nothing was stopped for the budget of ${month}, or it was started again: there is nothing to undo.`);
        const now = record.databaseClass === undefined ? undefined : await databaseClass();
        return {
          ...about, stop: [], run: record.stopped.map((task) => ({ of: task.arn, definition: task.definition, overrides: task.overrides, token: tokenOf(task) })),
          databaseClass: record.databaseClass === undefined || record.databaseClass === now ? '' : record.databaseClass,
        };
      }
      const running = (await runningTasks()).slice(0, tasksMax);
      const now = spentClass === undefined ? undefined : await databaseClass();
      const known = new Set(record?.stopped.map(({ arn }) => arn));
      const shrinks = now !== undefined && now !== spentClass;
      await write(month, {
        stopped: [...(record?.stopped ?? []), ...running.filter(({ arn }) => !known.has(arn))],
        databaseClass: record?.databaseClass ?? (shrinks ? now : undefined),
      });
      return { ...about, stop: running.map(({ arn }) => arn), run: [], databaseClass: shrinks ? (spentClass ?? '') : '' };
    },
    async note({ month, undo }) {
      if (undo) await forget(month);
      return {};
    },
  };
}

/** The same for the same task, so that an undo which is run twice runs each of them once. */
function tokenOf({ arn }: ResearchTask): string {
  return createHash('sha256').update(arn).digest('hex').slice(0, 32);
}
