/** The steps of a cutover that only look. Those after the first check the token, so that a pre-empted cutover stops. */
import { passGates } from '../change/gates.ts';
import type { cutoverInspection } from '../contracts/cutover.ts';
import type { Implementation } from '../contracts/step.ts';
import type { LeaseControl } from '../lease/control.ts';
import type { AcceptedOrders } from './accepted-orders.ts';
import type { CanaryFigures } from './canary-figures.ts';
import { judgeCanary } from './canary.ts';
import { judgeHandover } from './handover.ts';
import { lookFor, type Patience } from './patience.ts';
import { parseCutoverRequest } from './request.ts';
import { judgeStandbys } from './standbys.ts';
import { judgeTrading } from './trading.ts';

export function inspectionSteps({
  control,
  acceptedOrders,
  figures,
  books,
  now,
  patience,
}: {
  readonly control: LeaseControl;
  readonly acceptedOrders: AcceptedOrders;
  readonly figures: CanaryFigures;
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
      const { good: _good, ...seen } = judgeStandbys(registrations, sightings, wanted);
      return seen;
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
    async beforeCanary({ book }) {
      const [{ live }, mark] = await Promise.all([control.read(book), figures.mark(book)]);
      const { cash, base, since } = mark?.result ?? {};
      const baseline = cash === undefined || base === undefined || since === undefined ? null : { cash, base, since };
      return { taskDefinition: live?.taskDefinition ?? '', tally: { from: null, baseline, looks: 0, sent: 0, failed: 0, slowLooks: 0, blindLooks: 0 } };
    },
    async watchCanary({ book, imageDigest, capital, last, tally }) {
      const [{ live, mode, halt, epoch }, mark] = await Promise.all([control.read(book), figures.mark(book)]);
      if (live?.imageDigest !== imageDigest) {
        return { verdict: 'superseded', tally, seen: `What is recorded as live is ${live?.imageDigest ?? 'nothing'}: somebody has replaced it` };
      }
      if (mode === 'halted') return { verdict: 'breach', tally, seen: `It was halted by ${halt?.by ?? 'nobody known'}: ${halt?.reason ?? ''}` };
      const { from, ...before } = tally;
      // The first look only begins: what came before is older than the release, or of its own cutover.
      const { sequence } = mark ?? { sequence: 0 };
      const begins = { sent: 0, failed: 0, latenciesMs: [], next: { epoch: mark?.epoch ?? epoch, sequence } };
      const { next, ...orders } = from === null ? begins : await figures.orders(book, from, epoch);
      const judged = judgeCanary(before, { ...orders, result: mark?.result }, { capital, last });
      return { ...judged, tally: { from: next, ...judged.tally } };
    },
  };
}
