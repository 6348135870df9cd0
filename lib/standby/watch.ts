/**
 * Keeps one Region in agreement with the lease, look by look, with nothing but what is in this Region. So one that comes back
 * after its books were moved away corrects itself: its deployments are refused, its database is written by nobody, and it becomes
 * a standby of what is live.
 */
import type { regionWatch } from '../contracts/region-watch.ts';
import type { RecordedLive } from '../contracts/standby.ts';
import type { Implementation } from '../contracts/step.ts';
import type { LeaseControl } from '../lease/control.ts';
import type { BookName, Lease, Registration } from '../lease/model.ts';
import { judgeStandby } from './current.ts';

export const facts = ['home-region', 'writing-database'] as const;
export type Fact = (typeof facts)[number];

export interface WatchedRegion {
  readonly region: string;
  /** Makes the fact say this Region and no other; false when it did already. */
  readonly record: (fact: Fact, region: string) => Promise<boolean>;
  readonly live: (book: BookName) => Promise<RecordedLive | undefined>;
  /** Starts the machine, unless an execution of this name was started before. */
  readonly refresh: (name: string, request: { readonly book: string; readonly reason: string; readonly requestedBy: string }) => Promise<boolean>;
  readonly database: {
    readonly isWritable: () => Promise<boolean>;
    /** From then on nobody writes it. */
    readonly isolate: () => Promise<void>;
    /** Backups take it only while it is written; false when that was known already, or there is none. */
    readonly tagWritten: (isWritten: boolean) => Promise<boolean>;
  };
}

export interface Watch extends WatchedRegion {
  readonly control: LeaseControl;
  readonly books: readonly BookName[];
  /** Whose bot is not ready before its database can be written. */
  readonly booksThatWrite: readonly string[];
  /** Longer than the pause between two beats of an instance. */
  readonly pause: () => Promise<void>;
  readonly now: () => Date;
}

export function watchSteps(watch: Watch): Implementation<typeof regionWatch> {
  /** What instances said at the look before, while this process lives; a first look is two. */
  let before: ReadonlyMap<BookName, readonly Registration[]> | undefined;
  const lookAround = async (): Promise<typeof before & object> =>
    new Map(await Promise.all(watch.books.map(async (book) => [book, await watch.control.registrations(book)] as const)));
  return {
    async watch() {
      const leases = await Promise.all(watch.books.map((book) => watch.control.read(book)));
      const [home = '', ...others] = new Set(leases.map((lease) => lease.home));
      const seen: string[] = [];
      const faults: string[] = [];
      // A move that has begun and not ended: whoever began it goes on, or has told people.
      if (others.length > 0) {
        return { home: '', standby: 'stale', work: 'done', faults, seen: [`books have their homes in ${[home, ...others].join(', ')}`] };
      }
      const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
        try {
          await work();
        } catch (error) {
          faults.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
        }
      };
      await attempt('the fact which Region is home', async () => {
        if (await watch.record('home-region', home)) seen.push(`recorded that ${home} is home`);
      });
      await attempt('the database', () => agreeOnDatabase(watch, home, leases, seen));
      let stale = 0;
      if (home !== watch.region) {
        if (before === undefined) {
          before = await lookAround();
          await watch.pause();
        }
        const after = await lookAround();
        for (const lease of leases) {
          stale += 1;
          const looks = [before, after].map((look) => look.get(lease.book) ?? []);
          await attempt(`the standby of ${lease.book}`, async () => {
            if (await agreeOnRelease(watch, lease, looks, seen)) stale -= 1;
          });
        }
        before = after;
      }
      return { home, standby: stale === 0 ? 'current' : 'stale', work: faults.length === 0 ? 'done' : 'failed', faults, seen };
    },
  };
}

async function agreeOnDatabase({ region, database, record }: Watch, home: string, leases: readonly Lease[], seen: string[]): Promise<void> {
  if (home === region) {
    // Until it is promoted, nothing is written; what the fact says is changed with it.
    if (!(await database.isWritable())) return;
    if (await record('writing-database', region)) seen.push('recorded that the database of this Region is written');
    if (await database.tagWritten(true)) seen.push('the database of this Region is backed up from now on');
    return;
  }
  // A planned move lets the ledger of the old home be completed, and isolates its database itself.
  if (leases.some(({ workflow }) => plannedMoves.some((machine) => isOf(workflow.execution, machine)))) return;
  const isWritable = await database.isWritable();
  if (isWritable) {
    await database.isolate();
    seen.push(`isolated the database of this Region: ${home} is home`);
  }
  if (await record('writing-database', home)) seen.push(`recorded that the database of ${home} is written`);
  // A backup that runs would keep a replica from being promoted.
  if (await database.tagWritten(false)) seen.push('the database of this Region is not backed up any more');
}

/** Answers whether the standby is current, and has it refreshed when it is not. */
async function agreeOnRelease(watch: Watch, lease: Lease, looks: Parameters<typeof judgeStandby>[2], seen: string[]): Promise<boolean> {
  const { book, live, workflow } = lease;
  const judged = judgeStandby(lease, await watch.live(book), looks, { region: watch.region, waitsForDatabase: watch.booksThatWrite.includes(book) });
  if (judged.state === 'current' || live === undefined) return true;
  seen.push(`${book}: ${judged.seen}`);
  // While the book moves, what stands by here may be what trades in a moment, or what traded a moment ago.
  const isMoving = [...plannedMoves, 'failover'].some((machine) => isOf(workflow.execution, machine));
  if (judged.state === 'silent' || isMoving) return false;
  // One attempt an hour for each release, whoever looks how often.
  const name = `${book}-${live.taskDefinition.split('/').at(-1)?.replace(':', '-')}-${watch.now().toISOString().slice(0, 13)}`;
  const reason = `${live.taskDefinition} is live and the standby does not run it yet`;
  if (await watch.refresh(name, { book, reason, requestedBy: 'region-watch' })) seen.push(`${book}: started the refresh ${name}`);
  return false;
}

const plannedMoves = ['switchover', 'failback'] as const;

/** By the name of its machine, which stands before that of the execution. */
function isOf(execution: string | undefined, machine: string): boolean {
  return execution?.split(':').at(-2)?.endsWith(`-${machine}`) === true;
}
