/**
 * What goes wrong when a Region is lost and the books move to the other one. Each is told alone: it says how the home Region is
 * lost, where it does not go dark in one blow, what else is broken, how the failover must end then, and what a person who is
 * needed types next.
 */
import { executionsPage } from '../../lib/venues/venue.ts';
import { AwsError } from '../cloud/model.ts';
import { atLeast, exactly, type PromiseKept } from '../report/report.ts';
import { asksForPromotion, gathersEvidence } from '../scenarios/recovery-phases.ts';
import type { Fault as ScenarioFault } from '../scenarios/scenario.ts';
import type { Stage } from '../stage.ts';
import { onEntering, struck, type Injected } from './fault.ts';
import { silentTopics, timedOutAfterSuccess } from './aws.ts';

export interface FailoverFault extends ScenarioFault {
  /** How the home Region is lost, where it does not go dark; answers how it is healed. */
  readonly lose?: (stage: Stage) => (() => void) | Promise<() => void>;
  /** Called when the book trades, before the Region is lost. */
  readonly inject?: (stage: Stage) => Injected | Promise<Injected>;
  /** What is typed when it is started again by a person, where the first ending asks for that; mended before. */
  readonly again?: Readonly<Record<string, unknown>>;
  /** From the decision to the first accepted order, where that is not as usual. */
  readonly tradesWithinMs?: number;
  /** Nothing was lost, and nothing may have moved. */
  readonly staysHome?: true;
}

/** The lease of who is lost runs out, and the standby is granted the book, looks at the venue and sends. */
export const leaseMs = 5000;
export const tradesWithinMs = leaseMs + 3000;

const acceptDataLoss = (maxSeconds: number): Readonly<Record<string, unknown>> => ({
  acceptDataLoss: { maxSeconds, reason: 'The rehearsal gives up what the replica lacks', approvedBy: 'grace' },
});

const controlPlaneGone: FailoverFault = {
  name: 'control-plane-gone',
  summary: 'The control plane of the home Region is gone; its data plane and the old trader live, and trade until the home has moved.',
  outcome: 'succeeded',
  lose: (stage) => stage.loseControlPlane(stage.home),
};

const oneWayPartition: FailoverFault = {
  name: 'one-way-partition',
  summary: 'The tasks of the home Region still reach the venue, and nothing of AWS.',
  outcome: 'succeeded',
  lose: (stage) => cutFromAws(stage),
};

/** All of them: a standby there would take the book otherwise, as it should. */
function cutFromAws(stage: Stage): () => void {
  const region = stage.home;
  const over = stage.injected(`the tasks of ${region} are cut off from AWS`);
  const mends = (['blue', 'green'] as const).flatMap((colour) => stage.tasksOf(colour, region)).map(({ name: task }) => stage.cut({ target: 'aws', task }));
  return () => {
    for (const mend of mends) mend();
    over();
  };
}

const standbyLosesWitness: FailoverFault = {
  name: 'standby-loses-witness',
  summary: 'When the home Region goes dark the standby does not reach the witness either: nobody can write the lease, until it does.',
  outcome: 'refused',
  async lose(stage) {
    const { standby, regions: { witness } } = stage;
    const mend = stage.cutLink(standby, witness.name);
    await stage.darken(stage.home);
    return mend;
  },
  again: {},
};

const lagOverRpo: FailoverFault = {
  name: 'lag-over-rpo',
  summary: 'The replica is a quarter of an hour behind when the control plane is lost: it is not promoted until it has caught up.',
  outcome: 'needs-a-person',
  inject: (stage) => healing(stage.letReplicaLag(stage.standby, 900)),
  lose: (stage) => stage.loseControlPlane(stage.home),
  again: {},
};

const replicaBroken: FailoverFault = {
  name: 'replica-broken',
  summary: 'The replication has been broken for a day when the Region goes dark: it is promoted once the loss was accepted, and the journal fills the ledger.',
  outcome: 'needs-a-person',
  inject(stage) {
    // Never mended: what it would have received is gone.
    stage.letReplicaLag(stage.standby, 86_400);
    return { promises: () => [] };
  },
  again: acceptDataLoss(90_000),
};

const tailLost: FailoverFault = {
  name: 'tail-lost',
  summary: 'The Regions do not reach each other for a while before home goes dark: the orders that the replica lacks come from the journal, what became of them from the venue.',
  outcome: 'succeeded',
  async lose(stage) {
    const mend = stage.cutLink(stage.home, stage.standby);
    await stage.executionsReach(stage.executions() + executionsLost);
    await stage.darken(stage.home);
    return mend;
  },
  inject: (stage) => ({
    promises: async () => [exactly('untold', 'Executions and ends of orders that the ledger lacks', (await stage.untold()) || 'none', 'none')],
  }),
};
/** More than a new holder reads at once. */
const executionsLost = executionsPage + 10;

const promotionFailsOnce: FailoverFault = {
  name: 'promotion-fails-once',
  summary: 'A backup of the replica is under way when it is to be promoted.',
  outcome: 'succeeded',
  inject(stage) {
    let refusals = 0;
    const stop = stage.disturb(({ service, operation }) => {
      if (service !== 'rds' || operation !== 'PromoteReadReplica' || refusals > 0) return undefined;
      refusals += 1;
      stage.injected('the promotion is refused: a backup is under way');
      return Promise.reject(new AwsError('InvalidDBInstanceStateFault', 'Database instance is not in available state.'));
    });
    return { heal: stop, promises: () => [struck('promotions refused', refusals)] };
  },
};

const promotionSlow: FailoverFault = {
  name: 'promotion-slow',
  summary: 'Half a minute long, uncompressed, whoever looks is told that the replica is being modified: the promotion seems not to end, and trading does not notice.',
  outcome: 'succeeded',
  inject(stage) {
    let looks = 0;
    let sinceMs: number | undefined;
    const stop = stage.disturb(({ service, operation }, next) => {
      if (service !== 'rds') return undefined;
      if (operation === 'PromoteReadReplica') sinceMs ??= performance.now();
      if (operation !== 'DescribeDBInstances' || sinceMs === undefined || performance.now() - sinceMs > slowMs) return undefined;
      looks += 1;
      return next().then((answer) => {
        const { DBInstances } = answer as { readonly DBInstances: readonly object[] };
        return { DBInstances: DBInstances.map((instance) => ({ ...instance, DBInstanceStatus: 'modifying' })) };
      });
    });
    return { heal: stop, promises: () => [struck('looks that saw no end of it', looks)] };
  },
};
const slowMs = 30_000;

const homeReturns: FailoverFault = {
  name: 'home-returns',
  summary: 'The lost Region is back in the middle, while the database is promoted: its tasks stay silent, and its database is closed.',
  outcome: 'succeeded',
  inject(stage) {
    const { home } = stage;
    let back: Promise<void> | undefined;
    onEntering(stage, [asksForPromotion], () => {
      back = stage.relight(home);
    });
    return { heal: async () => back, promises: () => [struck('the Region came back', back === undefined ? 0 : 1)] };
  },
};

const failoverTwice: FailoverFault = {
  name: 'failover-twice',
  summary: 'Somebody else starts a failover too, a moment later.',
  outcome: 'succeeded',
  inject(stage) {
    let other: Promise<{ error?: string; cause?: string }> | undefined;
    const stop = stage.onWorkflow((event, { name, stateMachineArn, input, executionArn }) => {
      if (other !== undefined || event.kind !== 'entered' || event.state !== gathersEvidence) return;
      stage.injected(`another failover beside ${executionArn}`);
      other = stage
        .operator<{ executionArn: string }>('states', 'StartExecution', { stateMachineArn, name: `${name}-other`, input }, stage.standby)
        .then((begun) => stage.executionEnded(begun.executionArn));
    });
    return {
      heal: stop,
      promises: async () => [exactly('other-refused', 'The other failover ended as', (await other)?.error ?? 'not started', 'Refused')],
    };
  },
};

const cutoverRuns: FailoverFault = {
  name: 'cutover-runs',
  summary: 'A cutover bakes in the home Region when that goes dark; it is pre-empted, and what was live before trades.',
  outcome: 'succeeded',
  async lose(stage) {
    const baking = Promise.withResolvers<void>();
    onEntering(stage, ['Begin to bake the new colour'], baking.resolve);
    const cutover = stage.cutover(stage.releases.second, 'It is under way when the Region goes dark');
    preempted.set(stage, cutover.then(({ cause }) => cause ?? 'it succeeded'));
    await Promise.race([baking.promise, cutover]);
    await stage.darken(stage.home);
    return () => undefined;
  },
  inject: (stage) => ({
    // Its next write comes when its Region is back.
    heal: () => stage.relight(stage.standby),
    promises: async () => {
      const cause = (await preempted.get(stage)) ?? 'never started';
      return [{ ...exactly('preempted', 'The cutover ended as', cause, cause), held: /Pre-empted/.test(cause) }];
    },
  }),
};
const preempted = new WeakMap<Stage, Promise<string>>();

const stepTimesOut: FailoverFault = {
  name: 'step-times-out-after-success',
  summary: 'Each step of the failover’s functions is done at its first try, and its function then times out.',
  outcome: 'succeeded',
  // A second before each repeat, and the evidence is gathered twice.
  tradesWithinMs: tradesWithinMs + 8000,
  inject(stage) {
    const done = new Set<string>();
    const stop = timedOutAfterSuccess(stage, /(recovery-control|database-recovery)/, done);
    return {
      heal: stop,
      promises: (): PromiseKept[] => [atLeast('struck', 'The fault struck: steps that timed out after their success', done.size, stepsOfAFailover, 'steps')],
    };
  },
};
/** checkFailover, confirmLoss, takeBooks, moveHomes, tradingHere, relocateLive, releaseBooks; position, completeness, readmit. */
const stepsOfAFailover = 10;

const nobodyToTell: FailoverFault = {
  name: 'nobody-to-tell',
  summary: 'SNS is down in the standby Region too, so nobody hears how the failover ended; everything else was done.',
  outcome: 'needs-a-person',
  inject: silentTopics,
};

const homeLives: FailoverFault = {
  name: 'home-lives',
  summary: 'Nothing is lost: somebody is wrong, and nothing that can be seen bears the loss out.',
  outcome: 'refused',
  lose: () => () => undefined,
  staysHome: true,
};

export const failoverFaults: readonly FailoverFault[] = [
  controlPlaneGone, oneWayPartition, standbyLosesWitness, lagOverRpo, replicaBroken, tailLost, promotionFailsOnce, promotionSlow, homeReturns,
  failoverTwice, cutoverRuns, stepTimesOut, nobodyToTell, homeLives,
];

function healing(heal: () => void): Injected {
  return { heal, promises: () => [] };
}
