/** Whatever is seen of a book, a rollback is refused in words or goes somewhere else, to the idle colour, and warm only where that is true. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TaskSetSeen } from '../../lib/contracts/operations.ts';
import { colourOf, instanceId, lastHolder, regionOf, type BookName, type Colour, type Epoch, type Lease, type Live, type Registration, type WorkflowToken } from '../../lib/lease/model.ts';
import { planRollback } from '../../lib/operations/plan-rollback.ts';

const home = 'us-east-1';
const elsewhere = 'us-west-2';
const book = 'alpha' as BookName;
const revisions = ['f:1', 'f:2', 'f:3'] as const;
const arnOf = (revision: string): string => `arn:aws:ecs:us-east-1:111111111111:task-definition/${revision}`;
const liveOf = (revision: string): Live => ({ imageDigest: `image of ${revision}`, guardDigest: `guard of ${revision}`, taskDefinition: revision });

const colour = fc.constantFrom<Colour>('blue', 'green');
const revision = fc.constantFrom(...revisions);
const named = fc.tuple(revision, fc.boolean()).map(([each, full]) => (full ? arnOf(each) : each));
const leases = fc.record({
  holder: fc.option(colour, { nil: undefined }), region: fc.constantFrom(home, elsewhere),
  grant: fc.oneof(fc.tuple(colour, fc.constantFrom(home, elsewhere)).map(([held, region]) => `${instanceId(region, held, 'x1')}#1`), fc.constant('created')),
  live: fc.option(named, { nil: undefined }), previous: fc.option(named, { nil: undefined }),
  mode: fc.constantFrom<Lease['mode']>('open', 'draining', 'halted'),
  execution: fc.constantFrom(undefined, 'cutover:1', 'failover:1'), takenAway: fc.boolean(), contractedBy: fc.option(named, { nil: undefined }),
}).map(({ holder, region, grant, live, previous, mode, execution, takenAway, contractedBy }): Lease => ({
  book, epoch: 7 as Epoch, heartbeat: 3, grantId: grant, leaseMs: 5000, home, mode,
  workflow: { token: 2 as WorkflowToken, ...(execution !== undefined && { execution }) },
  ...(holder !== undefined && { holder: instanceId(region, holder, 'x1') }),
  ...(live !== undefined && { live: liveOf(live) }), ...(previous !== undefined && { previous: { ...liveOf(previous), takenAway } }),
  ...(contractedBy !== undefined && { contractedBy }),
}));
const taskSets = fc.uniqueArray(
  fc.record({ id: fc.uuid(), colour, taskDefinition: revision.map(arnOf), status: fc.constantFrom('PRIMARY', 'ACTIVE', 'DRAINING'), running: fc.nat(2) }),
  { maxLength: 2, selector: (set) => set.colour },
);
const registrations = fc.array(fc.record({ colour, ready: fc.boolean(), reconciled: fc.boolean(), region: fc.constantFrom(home, elsewhere) }), { maxLength: 4 })
  .map((all) => all.map((each, n): Registration => ({ ...each, book, instance: instanceId(each.region, each.colour, `r${n}`), imageDigest: 'x', beat: n })));
const to = fc.oneof(fc.constant('previous' as const), named.map((taskDefinition) => ({ taskDefinition })), revision.map((each) => ({ imageDigest: `image of ${each}` })));
const forces = fc.option(fc.constant({ reason: 'it must be', approvedBy: 'grace' }), { nil: undefined });
const last = (name: string): string | undefined => name.split('/').at(-1);

test('a plan is sound, and whatever has none is refused by a name that the machine catches', () => {
  const seen = { planned: 0, moved: 0, warm: 0, preempting: 0, forward: 0, contracted: 0 };
  fc.assert(fc.property(leases, registrations, taskSets, to, forces, (lease, registered, sets: readonly TaskSetSeen[], where, force) => {
    let plan: ReturnType<typeof planRollback>;
    try {
      plan = planRollback(lease, registered, sets, { to: where, ...(force !== undefined && { force }) }, (execution) => execution.startsWith('cutover:'));
    } catch (error) {
      expect(['NoWayBackError', 'BookBusyError']).toContain((error as Error).name);
      expect((error as Error).message.length).toBeGreaterThan(40);
      return;
    }
    seen.planned += 1;
    const alive = sets.filter(({ status }) => status !== 'DRAINING');
    const trading = alive.find((set) => set.colour === plan.outgoing);
    expect(plan.incoming).not.toBe(plan.outgoing);
    const held = lastHolder(lease)!;
    const primary = alive.find(({ status }) => status === 'PRIMARY');
    // Of another Region's colours that it was held says nothing.
    if (regionOf(held) === home) expect(plan.outgoing).toBe(colourOf(held));
    else if (primary !== undefined) {
      seen.moved += 1;
      expect(plan.outgoing).toBe(primary.colour);
    }
    if (trading !== undefined && plan.target !== '') expect(last(plan.target)).not.toBe(last(trading.taskDefinition));
    if (plan.warm !== '') {
      seen.warm += 1;
      expect(alive.find(({ id }) => id === plan.warm)).toMatchObject({ colour: plan.incoming, taskDefinition: arnOf(last(plan.target)!) });
      expect(registered.some((each) => each.colour === plan.incoming && each.region === home && each.ready && each.reconciled)).toBe(true);
    }
    if (plan.primary) expect(sets.find(({ id }) => id === plan.warm)?.status).toBe('PRIMARY');
    const takenAway = lease.previous?.takenAway === true ? last(lease.previous.taskDefinition) : undefined;
    expect(plan.forward).toBe(takenAway !== undefined && last(plan.target) === takenAway);
    if (plan.forward) {
      seen.forward += 1;
      expect(force).toBeDefined();
    }
    if (plan.contracted > 0) seen.contracted += 1;
    expect(plan.contracted).toBe(force === undefined && lease.contractedBy !== undefined ? Number(lease.contractedBy.at(-1)) : 0);
    expect(lease.workflow.execution ?? '').toBe(plan.preempts);
    if (plan.preempts !== '') {
      seen.preempting += 1;
      expect(plan.preempts).toMatch(/^cutover:/);
    }
    expect(plan.halted).toBe(lease.mode === 'halted');
  }), { numRuns: 20_000, seed: 1 });
  // What was never drawn was not tested.
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(20);
});
