/** Every bench, the quick ones first. */
import type { Bench } from './bench.ts';
import { bundles } from './bundles.ts';
import { checksums } from './checksums.ts';
import { failover } from './failover.ts';
import { falseAlarms } from './false-alarms.ts';
import { field } from './field.ts';
import { guard } from './guard.ts';
import { handover, takeover } from './handover.ts';
import { permit } from './permit.ts';
import { rehearsal } from './rehearsal.ts';
import { simulation } from './simulation.ts';
import { synth } from './synth.ts';

export const benches: readonly Bench[] = [permit, bundles, guard, synth, simulation, checksums, falseAlarms, rehearsal, takeover, handover, failover, field];
