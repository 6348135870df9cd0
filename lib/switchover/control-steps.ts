/** The steps of a planned move that read and write the lease. Each may run twice. */
import type { switchoverControl } from '../contracts/switchover.ts';
import type { Implementation } from '../contracts/step.ts';
import { judgeStandbys } from '../cutover/standbys.ts';
import { lookFor, type Patience } from '../cutover/patience.ts';
import type { LeaseControl } from '../lease/control.ts';
import type { BookName, Lease, WorkflowToken } from '../lease/model.ts';
import { parseSwitchover } from '../operations/requests.ts';

interface Held {
  readonly book: BookName;
  readonly token: WorkflowToken;
}

export function switchoverSteps({ control, books, booksThatWrite, region, patience }: {
  readonly control: LeaseControl;
  readonly books: readonly BookName[];
  /** Whose bot is not ready before its database can be written. */
  readonly booksThatWrite: readonly string[];
  readonly region: string;
  readonly patience: Patience;
}): Implementation<typeof switchoverControl> {
  const halting = (reason: string): { readonly reason: string; readonly by: string } => ({ reason, by: `a machine in ${region}` });
  const readAll = (held: readonly Held[]): Promise<Lease[]> => Promise.all(held.map(({ book, token }) => control.checkToken(book, token)));

  return {
    async checkRequest({ request }) {
      const leases = await Promise.all(books.map((book) => control.read(book)));
      const elsewhere = leases.filter(({ home }) => home !== region);
      return {
        request: parseSwitchover(request), toMove: elsewhere.length, atHomeHere: leases.length - elsewhere.length,
        waiting: elsewhere.filter(({ book, mode }) => mode !== 'halted' && booksThatWrite.includes(book)).map(({ book }) => book),
      };
    },
    async successors({ books: held, sightings: earlier }) {
      const leases = await readAll(held);
      const moves: { book: BookName; token: WorkflowToken; way: 'hand-over' | 'move' | 'halt' | 'here'; successor: string }[] = [];
      const faults: string[] = [];
      let sightings = {};
      for (const [index, lease] of leases.entries()) {
        const { book, token } = held[index]!;
        const wayOf = way(lease);
        let successor = '';
        if (wayOf === 'hand-over') {
          const registrations = await control.registrations(book);
          for (const colour of ['blue', 'green'] as const) {
            const seen = judgeStandbys(registrations, earlier, { colour, region, imageDigest: lease.live?.imageDigest ?? '', tasks: 1 });
            sightings = { ...sightings, ...seen.sightings };
            successor = successor === '' ? (seen.good[0] ?? '') : successor;
            if (!seen.ready) faults.push(`${book}: ${seen.missing}`);
          }
        }
        moves.push({ book, token, way: wayOf, successor });
      }
      const ready = moves.every(({ way: each, successor }) => each !== 'hand-over' || successor !== '');
      return { ready, missing: ready ? '' : faults.join('; '), sightings, moves };
    },
    async startDrain({ book, token, successor }) {
      return { epoch: (await control.startDrain(book, token, successor)).epoch };
    },
    async handover({ book, token }) {
      return lookFor(async () => {
        const { epoch, holder, heartbeat, home, mode } = await control.checkToken(book, token);
        const seen = `home ${home}, epoch ${epoch}, held by ${holder ?? 'nobody'}, ${mode}`;
        if (home === region) return { state: holder !== undefined && heartbeat > 0 ? ('held' as const) : ('waiting' as const), epoch, seen };
        // The machine set draining before it looked: an open book is the holder's own refusal, or was taken by another standby there.
        return { state: mode === 'open' ? ('declined' as const) : ('waiting' as const), epoch, seen };
      }, patience);
    },
    async cancelDrain({ book, token }) {
      return { isHere: (await control.cancelDrain(book, token)).home === region };
    },
    async halt({ book, token, reason }) {
      const lease = await control.haltFor(book, token, halting(reason));
      return lease.holder === undefined ? { state: 'stopped', seen: 'nobody holds it' } : { state: 'waiting', seen: `${lease.holder} has not given it up` };
    },
    async resumeHalted({ books: held, reason }) {
      const { by } = halting(reason);
      const resumed: string[] = [];
      for (const { book, token } of held) {
        const { mode, halt } = await control.checkToken(book, token);
        if (mode !== 'halted' || halt?.by !== by || halt.reason !== reason) continue;
        await control.resume(book, token);
        resumed.push(book);
      }
      return { resumed };
    },
    async where() {
      const leases = await Promise.all(books.map((book) => control.read(book)));
      return { elsewhere: leases.filter(({ home }) => home !== region).map(({ book, home }) => `${book} in ${home}`) };
    },
  };

  function way({ book, home, mode, holder }: Lease): 'hand-over' | 'move' | 'halt' | 'here' {
    if (home === region) return 'here';
    if (mode === 'halted' || holder === undefined) return 'move';
    return booksThatWrite.includes(book) ? 'halt' : 'hand-over';
  }
}
