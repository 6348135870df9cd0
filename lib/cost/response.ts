/**
 * What a spent budget or a closed market stops: tasks of the cluster in which nothing can trade, and the size of a database where the
 * settings say so. What is about to be stopped is written down before it is, with its causes: it is started again when the last of them is
 * gone, so a market that opens does not start what the budget holds. A response that was interrupted is run again, and its undo knows of
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

/** A cause is a month, or the name of a market. Without one left, it is being started again. */
export interface StoppedTask extends ResearchTask {
  readonly causes: readonly string[];
}

export interface ResponseRecord {
  readonly stopped: readonly StoppedTask[];
  /** What the database was before. */
  readonly database?: { readonly class: string; readonly causes: readonly string[] } | undefined;
}

export interface ResponseParts {
  /** Of the cluster in which nothing trades; what follows a market has its name behind this in that of its definition. */
  readonly clusterName: string;
  readonly runningTasks: () => Promise<readonly ResearchTask[]>;
  readonly databaseClass: () => Promise<string>;
  /** The class that it is to have meanwhile; undefined where it keeps its own. */
  readonly spentClass: string | undefined;
  /** The market with which it has it too. */
  readonly databaseMarket: string | undefined;
  /** What is stopped, and which version of it this is. */
  readonly read: () => Promise<{ readonly record: ResponseRecord; readonly version: number }>;
  /** Throws RecordChangedError when it is not that version any more. */
  readonly write: (record: ResponseRecord, version: number) => Promise<void>;
}

export class RequestRefusedError extends Error {
  override readonly name = 'RequestRefusedError';
}

/** Another execution wrote between the look and the write. */
export class RecordChangedError extends Error {
  override readonly name = 'RecordChangedError';
}

const example = '{ "month": "2026-11", "reason": "…", "requestedBy": "…" }';

export function responseSteps(parts: ResponseParts): Implementation<typeof budgetControl> {
  const { clusterName, runningTasks, databaseClass, spentClass, databaseMarket } = parts;
  return {
    async plan({ request }) {
      const parsed = BudgetResponseRequest.safeParse(request);
      if (!parsed.success) {
        throw new RequestRefusedError(`The input is wrong. ${faultsOf(parsed.error, request)}. Correct it and start again; it looks like ${example}.`);
      }
      const { month, market, reason, requestedBy, undo = false } = parsed.data;
      const cause = month ?? market ?? '';
      const because = month === undefined ? `the market ${cause} is ${undo ? 'open' : 'closed'}` : `the budget of ${month} is ${undo ? 'acted on no more' : 'spent'}`;
      const about = { cause, because, reason, requestedBy, undo, tell: month !== undefined };
      if (undo) return change(parts, async (record) => {
        const left = without(cause, record);
        const run = left.stopped.filter(({ causes }) => causes.length === 0);
        const isRestored = left.database?.causes.length === 0;
        if (month !== undefined && run.length === 0 && !isRestored && !isCause(cause, record)) {
          throw new RequestRefusedError(`Nothing was stopped for the budget of ${month}, or it was started again: there is nothing to undo.`);
        }
        const before = isRestored ? (left.database?.class ?? '') : '';
        const answer = {
          ...about, stop: [], run: run.map((task) => ({ of: task.arn, definition: task.definition, overrides: task.overrides, token: tokenOf(task) })),
          databaseClass: before === '' || before === (await databaseClass()) ? '' : before,
        };
        return { record: left, answer };
      });
      const isMeant = ({ definition }: ResearchTask): boolean => month !== undefined || familyOf(definition).startsWith(`${clusterName}-${cause}-`);
      const running = (await runningTasks()).filter(isMeant).slice(0, tasksMax);
      const changes = spentClass !== undefined && (month !== undefined || market === databaseMarket);
      const now = changes ? await databaseClass() : undefined;
      const shrinks = now !== undefined && now !== spentClass;
      const answer = { ...about, stop: running.map(({ arn }) => arn), run: [], databaseClass: shrinks ? (spentClass ?? '') : '' };
      return change(parts, async (record) => {
        const known = new Set(record.stopped.map(({ arn }) => arn));
        const stopped = [
          ...record.stopped.map((task) => (task.causes.length > 0 && isMeant(task) ? { ...task, causes: added(task.causes, cause) } : task)),
          ...running.filter(({ arn }) => !known.has(arn)).map((task) => ({ ...task, causes: [cause] })),
        ];
        const database = !changes || (record.database === undefined && !shrinks)
          ? record.database
          : { class: record.database?.class ?? now ?? '', causes: added(record.database?.causes ?? [], cause) };
        return { record: { stopped, database }, answer };
      });
    },
    async note({ undo, started }) {
      if (!undo) return {};
      return change(parts, async ({ stopped, database }) => ({
        record: {
          stopped: stopped.filter(({ arn, causes }) => causes.length > 0 || !started.includes(arn)),
          ...(database !== undefined && database.causes.length > 0 && { database }),
        },
        answer: {},
      }));
    },
  };
}

/** A budget and two markets may each have an execution at the same time. */
const triesMax = 10;

/** Writes on top of what was read: whoever comes second looks again. */
async function change<Answer>(
  { read, write }: ResponseParts, decide: (record: ResponseRecord) => Promise<{ readonly record: ResponseRecord; readonly answer: Answer }>,
): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const { record: seen, version } = await read();
    const { record, answer } = await decide(seen);
    try {
      await write(record, version);
      return answer;
    } catch (error) {
      if (!(error instanceof RecordChangedError) || tries === triesMax) throw error;
    }
  }
}

const added = (causes: readonly string[], cause: string): readonly string[] => (causes.includes(cause) ? causes : [...causes, cause]);
const isCause = (cause: string, { stopped, database }: ResponseRecord): boolean =>
  stopped.some(({ causes }) => causes.includes(cause)) || database?.causes.includes(cause) === true;

function without(cause: string, { stopped, database }: ResponseRecord): ResponseRecord {
  const others = (causes: readonly string[]): readonly string[] => causes.filter((each) => each !== cause);
  return {
    stopped: stopped.map((task) => ({ ...task, causes: others(task.causes) })),
    database: database && { ...database, causes: others(database.causes) },
  };
}

/** `…:task-definition/family:revision`, or the end of it. */
function familyOf(definition: string): string {
  return definition.split('/').at(-1)?.split(':')[0] ?? '';
}

/** The same for the same task, so that an undo which is run twice runs each of them once. */
function tokenOf({ arn }: ResearchTask): string {
  return createHash('sha256').update(arn).digest('hex').slice(0, 32);
}
