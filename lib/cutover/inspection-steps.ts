/** The steps of a cutover that only look. Those after the first check the token, so that a pre-empted cutover stops. */
import { passGates } from '../change/gates.ts';
import type { cutoverInspection } from '../contracts/cutover.ts';
import type { Implementation } from '../contracts/step.ts';
import type { LeaseControl } from '../lease/control.ts';
import type { AcceptedOrders } from './accepted-orders.ts';
import { judgeHandover } from './handover.ts';
import { lookFor, type Patience } from './patience.ts';
import { parseCutoverRequest } from './request.ts';
import { judgeStandbys } from './standbys.ts';
import { judgeTrading } from './trading.ts';

export function inspectionSteps({
  control,
  acceptedOrders,
  books,
  now,
  patience,
}: {
  readonly control: LeaseControl;
  readonly acceptedOrders: AcceptedOrders;
  readonly books: readonly string[];
  readonly now: () => Date;
  readonly patience: Patience;
}): Implementation<typeof cutoverInspection> {
  return {
    async checkRequest({ request }) {
      return parseCutoverRequest(request, books);
    },
    async checkGates({ request, ...gates }) {
      return { forced: [...passGates({ ...gates, book: request.book, force: request.force, now: now() })] };
    },
    async standbys({ book, token, sightings, ...wanted }) {
      const [registrations] = await Promise.all([control.registrations(book), control.checkToken(book, token)]);
      return judgeStandbys(registrations, sightings, wanted);
    },
    async handover({ book, token, ...wanted }) {
      return lookFor(async () => judgeHandover(await control.checkToken(book, token), wanted), patience);
    },
    async trading({ book, token, ...wanted }) {
      return lookFor(async () => {
        const lease = await control.checkToken(book, token);
        return judgeTrading(lease, await acceptedOrders.newestOf(book, lease.epoch), wanted);
      }, patience);
    },
  };
}
