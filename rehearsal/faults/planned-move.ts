/** What goes wrong in a planned move between the Regions. Each is told alone. */
import { setTimeout } from 'node:timers/promises';
import { AwsError } from '../cloud/model.ts';
import { atLeast, exactly } from '../report/report.ts';
import type { Fault as ScenarioFault } from '../scenarios/scenario.ts';
import type { Recovery, Stage } from '../stage.ts';
import { silentTopics, timedOutAfterSuccess } from './aws.ts';
import { struck, type Injected } from './fault.ts';

export interface PlannedMoveFault extends ScenarioFault {
  /** Called when the book trades, before the move is started. */
  readonly inject?: (stage: Stage) => Injected | Promise<Injected>;
  /** The machines that a person starts then, in the same Region. */
  readonly again?: readonly Recovery[];
  /** Nothing may have moved. */
  readonly staysHome?: true;
}

const usualSilenceMs = 1500;

const replicaBroken: PlannedMoveFault = {
  name: 'replica-broken',
  summary: 'The replica does not follow: the books are given back before anything is changed.',
  outcome: 'rolled-back',
  silenceLimitMs: usualSilenceMs,
  staysHome: true,
  inject: (stage) => ({ heal: stage.letReplicaLag(stage.standby, 900), promises: () => [] }),
};

const stepTimesOut: PlannedMoveFault = {
  name: 'step-times-out-after-success',
  summary: 'Each step of the move’s functions is done at its first try, and its function then times out.',
  outcome: 'succeeded',
  silenceLimitMs: 3000,
  inject(stage) {
    const done = new Set<string>();
    const stop = timedOutAfterSuccess(stage, /(recovery-control|switchover-control|database-recovery|other-region)/, done);
    return { heal: stop, promises: () => [atLeast('struck', 'The fault struck: steps that timed out after their success', done.size, stepsOfAMove, 'steps')] };
  },
};
const stepsOfAMove = 10;

const nobodyToTell: PlannedMoveFault = {
  name: 'nobody-to-tell',
  summary: 'SNS is down, so nobody hears how the move ended; everything else was done.',
  outcome: 'needs-a-person',
  silenceLimitMs: usualSilenceMs,
  inject: silentTopics,
};

export const plannedMoveFaults: readonly PlannedMoveFault[] = [replicaBroken, stepTimesOut, nobodyToTell];

const replicaCannotBeMade: PlannedMoveFault = {
  name: 'replica-cannot-be-made',
  summary: 'RDS has no capacity for the replica in the Region that came back: no book is touched, and a person starts it again when there is some.',
  outcome: 'needs-a-person',
  silenceLimitMs: usualSilenceMs,
  again: ['failback'],
  inject(stage) {
    let refusals = 0;
    const over = stage.injected('RDS has no capacity for a replica');
    const stop = stage.disturb(({ service, operation }) => {
      if (service !== 'rds' || operation !== 'CreateDBInstanceReadReplica') return undefined;
      refusals += 1;
      return Promise.reject(new AwsError('InsufficientDBInstanceCapacity', 'Cannot create a DB instance: insufficient capacity in the requested Availability Zone.'));
    });
    return {
      heal() {
        stop();
        over();
      },
      promises: () => [struck('replicas refused', refusals)],
    };
  },
};

const startedTwice: PlannedMoveFault = {
  name: 'started-twice',
  summary: 'Somebody else starts a failback too, a moment later; what the two would both do is done once.',
  outcome: 'succeeded',
  silenceLimitMs: usualSilenceMs,
  inject(stage) {
    let other: Promise<{ error?: string }> | undefined;
    const stop = stage.onWorkflow((event, { name, stateMachineArn, input, executionArn }) => {
      if (other !== undefined || event.kind !== 'entered' || event.state !== 'Is there a database of before?') return;
      stage.injected(`another failback beside ${executionArn}`);
      other = stage
        .operator<{ executionArn: string }>('states', 'StartExecution', { stateMachineArn, name: `${name}-other`, input }, stage.standby)
        .then((begun) => stage.executionEnded(begun.executionArn));
    });
    return {
      heal: stop,
      promises: async () => [exactly('other-refused', 'The other failback ended as', (await other)?.error ?? 'not started', 'Refused')],
    };
  },
};

/** Some minutes for people. */
const darkAgainMs = 4000;

const goesDarkAgain: PlannedMoveFault = {
  name: 'goes-dark-again',
  summary: 'The Region that came back goes dark again while its replica is made: the books trade on where they are, and it goes on when it is back.',
  outcome: 'succeeded',
  silenceLimitMs: usualSilenceMs,
  inject(stage) {
    const region = stage.standby;
    let dark: Promise<number> | undefined;
    const goDark = async (): Promise<number> => {
      const before = stage.ordersAccepted();
      await stage.darken(region);
      await setTimeout(darkAgainMs);
      const accepted = stage.ordersAccepted() - before;
      await stage.relight(region);
      return accepted;
    };
    const stop = stage.onWorkflow((event) => {
      if (event.kind === 'entered' && event.state === 'Begin to wait for the replica here') dark ??= goDark();
    });
    return { heal: stop, promises: async () => [struck('orders accepted in the other Region while it was dark', (await dark) ?? 0)] };
  },
};

export const failbackFaults: readonly PlannedMoveFault[] = [replicaCannotBeMade, startedTwice, goesDarkAgain];
