/** The steps of a refresh of the standby Region. Each may run twice. */
import type { standbyControl } from '../contracts/standby.ts';
import type { Implementation } from '../contracts/step.ts';
import { judgeStandbys } from '../cutover/standbys.ts';
import type { LeaseControl } from '../lease/control.ts';
import { parseRefresh } from '../operations/requests.ts';
import { assertWanted, planRefresh } from './refresh.ts';

export function standbySteps({
  control,
  books,
  booksThatWrite,
  region,
}: {
  readonly control: LeaseControl;
  readonly books: readonly string[];
  /** Whose bot is not ready before its database can be written. */
  readonly booksThatWrite: readonly string[];
  readonly region: string;
}): Implementation<typeof standbyControl> {
  return {
    async checkRequest({ request }) {
      return parseRefresh(request, books);
    },
    async plan({ book, taskSets }) {
      return planRefresh(await control.read(book), taskSets, region);
    },
    async standbys({ book, of, sightings, ...wanted }) {
      const [registrations, lease] = await Promise.all([control.registrations(book), control.read(book)]);
      assertWanted(lease, of, region);
      const { good: _good, ...seen } = judgeStandbys(registrations, sightings, { ...wanted, region, waitsForDatabase: booksThatWrite.includes(book) });
      return seen;
    },
    async stillWanted({ book, of }) {
      assertWanted(await control.read(book), of, region);
      return { wanted: true };
    },
    async forgetColour({ book, of, colour }) {
      assertWanted(await control.read(book), of, region);
      return { removed: await control.removeRegistrations(book, { colour, region }) };
    },
  };
}
