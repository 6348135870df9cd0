/** Every fault of a cutover, in the order in which they are listed. */
import type { Fault } from './fault.ts';
import { approvalNeverComes, approvalRejected, migrationFails, migrationNeverEnds } from './gates.ts';
import { noLeaseTable, noPostgres, noRedis, traderClockOff, venueClockJumps, venueClockOff } from './network.ts';
import { blueDoesNotDrain, bluePausesInDrain, traderPausesInDrain } from './old-holder.ts';
import { nobodyToTell, slowAnswers, snapshotFails, stepTimesOutAfterSuccess, throttled } from './aws.ts';
import { malformedInput, redriven, startedTwice, twoCutovers, unknownDigest, wrongRegion } from './people.ts';
import { greenDiesAfterHandover, greenDoesNotTrade, greenNeverHealthy } from './releases.ts';

export const cutoverFaults: readonly Fault[] = [
  greenNeverHealthy,
  greenDoesNotTrade,
  greenDiesAfterHandover,
  blueDoesNotDrain,
  bluePausesInDrain,
  traderPausesInDrain,
  noLeaseTable,
  noRedis,
  noPostgres,
  traderClockOff,
  venueClockOff,
  venueClockJumps,
  stepTimesOutAfterSuccess,
  throttled,
  slowAnswers,
  snapshotFails,
  nobodyToTell,
  migrationFails,
  migrationNeverEnds,
  approvalRejected,
  approvalNeverComes,
  startedTwice,
  twoCutovers,
  redriven,
  malformedInput,
  unknownDigest,
  wrongRegion,
];
