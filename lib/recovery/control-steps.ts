/**
 * The steps that move books between Regions. Each may run twice: LeaseControl's writes are repeatable, and what was done for some of the books
 * is found done.
 */
import type { BookSeen, recoveryControl } from '../contracts/recovery.ts';
import type { Implementation } from '../contracts/step.ts';
import { RequestRefusedError } from '../cutover/errors.ts';
import { lookFor, type Patience } from '../cutover/patience.ts';
import { colourOf, regionOf, type BookName, type Lease } from '../lease/model.ts';
import { judgeLoss } from './evidence.ts';
import { entriesRead, longestLeaseMs, observe, watchLeases, type ObservationOptions } from './observe.ts';
import { parseFailover } from './request.ts';

export interface ControlOptions extends ObservationOptions {
  /** All of the installation, always in the same order: two executions that take them meet at the first. */
  readonly books: readonly BookName[];
  readonly patience: Patience;
}


export function controlSteps(options: ControlOptions): Implementation<typeof recoveryControl> {
  const { control, journal, books, patience } = options;
  const readAll = (): Promise<readonly Lease[]> => Promise.all(books.map((book) => control.read(book)));
  const release = async (execution: string): Promise<string[]> => {
    const released = await Promise.all(books.map(async (book) => ((await control.releaseWorkflow(book, execution)).released ? [book] : [])));
    return released.flat();
  };

  return {
    async checkFailover({ request, execution }) {
      const parsed = parseFailover(request);
      const here = regionOfExecution(execution);
      const leases = await readAll();
      const elsewhere = [...new Set(leases.map(({ home }) => home))].filter((home) => home !== here);
      if (elsewhere.length > 1) {
        throw new RequestRefusedError(`The books are at home in ${elsewhere.join(' and ')}: one failover leaves one Region. Look at the leases.`);
      }
      return { request: parsed, from: elsewhere[0] ?? '', books: leases.map(seen) };
    },
    async confirmLoss({ from }) {
      const leases = (await readAll()).filter(({ home }) => home === from);
      return judgeLoss(await observe(options, leases, { from, watchMs: longestLeaseMs(leases) * watchLeases }));
    },
    async takeBooks({ execution, preempt }) {
      // Another execution of the same machine does the same: the two would undo each other's work.
      const machine = execution.slice(0, execution.lastIndexOf(':') + 1);
      const mayPreempt = (heldBy: string): boolean => preempt && !heldBy.startsWith(machine);
      const taken = [];
      for (const book of books) {
        try {
          const { token, lease } = await control.takeWorkflow(book, execution, mayPreempt);
          taken.push({ ...seen(lease), token });
        } catch (error) {
          if (error instanceof Error && error.name === 'BookBusyError') await release(execution);
          throw error;
        }
      }
      return { books: taken };
    },
    async moveHomes({ books: held, from, to }) {
      // Every one is tried: what holds one up must not keep the others from trading.
      const moves = await Promise.allSettled(held.map(({ book, token }) => control.moveHome(book, token, { from, to })));
      const failed = moves.find((move) => move.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      return { books: moves.flatMap((move) => (move.status === 'fulfilled' ? [seen(move.value)] : [])) };
    },
    async tradingHere({ book, token, region, wanted }) {
      return lookFor(async () => {
        const lease = await control.checkToken(book, token);
        const { epoch, holder, home, mode, halt } = lease;
        const nobody = { epoch, holder: '', colour: '' };
        if (home !== region) return { ...nobody, state: 'elsewhere' as const, seen: `its home is ${home}` };
        if (mode === 'halted') return { ...nobody, state: 'halted' as const, seen: `it is halted, by ${halt?.by ?? 'nobody known'}: ${halt?.reason ?? ''}` };
        if (holder === undefined || regionOf(holder) !== region) {
          return { ...nobody, state: 'waiting' as const, seen: `nobody in ${region} holds it; the last holder is ${holder ?? 'gone'}, of epoch ${epoch}` };
        }
        const accepted = await journal.newestAccepted(book, epoch, { among: entriesRead });
        return {
          epoch, holder, colour: colourOf(holder), state: accepted.length >= wanted ? ('trading' as const) : ('waiting' as const),
          seen: `${holder} holds epoch ${epoch}; ${accepted.length} accepted orders seen, ${wanted} wanted`,
        };
      }, patience);
    },
    async relocateLive({ book, token, taskDefinition }) {
      const { live } = await control.relocateLive(book, token, taskDefinition);
      if (live === undefined) throw new Error(`what is live of ${book} was recorded and is not there`);
      return live;
    },
    async releaseBooks({ execution }) {
      return { released: await release(execution) };
    },
  };
}

/** A machine acts in its own Region alone, which the name of its execution tells. */
function regionOfExecution(execution: string): string {
  return execution.split(':')[3] ?? '';
}

function seen({ book, home, mode, epoch, holder }: Lease): BookSeen {
  return { book, home, mode, epoch, holder: holder ?? null };
}
