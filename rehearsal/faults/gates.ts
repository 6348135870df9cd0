/** Faults of what stands before a change: the people who must approve it, and the schema that it needs. */
import type { Approving } from '../people.ts';
import type { Stage } from '../stage.ts';
import type { ProgressEvent } from '../states/execution.ts';
import { struck, type Fault, type Injected } from './fault.ts';

/** The old release trades all the while. */
const untouchedMs = 1500;
const waitForPeople = 'Wait a while for people';
const waitForTheSchema = 'Wait a moment for the expansion of the schema';
const notExpanded = 'The schema could not be expanded';
/** A tenth of its limit with each look: its task is started meanwhile, as it would be. */
const passedSeconds = 24;

export const approvalRejected: Fault = {
  name: 'approval-rejected',
  summary: 'One of those whose approval is wanted says no.',
  outcome: 'refused',
  trades: 'old',
  silenceLimitMs: untouchedMs,
  takes: ['execution'],
  inject: (stage) =>
    answered(stage, 'reject', 'changes that somebody rejected', (event) =>
      event.kind === 'chosen' && event.state === 'Have enough people approved the change?' && event.branch !== 'default'),
};

export const approvalNeverComes: Fault = {
  name: 'approval-never-comes',
  summary: 'Nobody whose approval is wanted is there until the time is over.',
  outcome: 'refused',
  trades: 'old',
  silenceLimitMs: untouchedMs,
  takes: ['execution'],
  inject(stage) {
    const late = answered(stage, 'silent', 'approvals that did not come', entering('Note that the approvals did not come'));
    const stop = passing(stage, waitForPeople, stage.approvalSeconds);
    return {
      heal() {
        late.heal();
        stop();
      },
      promises: late.promises,
    };
  },
};

export const migrationFails: Fault = {
  name: 'migration-fails',
  summary: 'The migration of the new release ends with an error.',
  outcome: 'rolled-back',
  trades: 'old',
  silenceLimitMs: untouchedMs,
  takes: ['new release'],
  releases: { new: 'cannot-migrate' },
  inject: (stage) => seen(stage, 'migrations that failed', entering(notExpanded)),
};

export const migrationNeverEnds: Fault = {
  name: 'migration-never-ends',
  summary: 'The migration of the new release hangs, beyond its limit; its task is stopped.',
  outcome: 'rolled-back',
  trades: 'old',
  silenceLimitMs: untouchedMs,
  takes: ['new release'],
  releases: { new: 'migrates-for-ever' },
  inject(stage) {
    const failed = seen(stage, 'migrations that were stopped', entering('Stop the expansion of the schema that takes too long'));
    const stop = passing(stage, waitForTheSchema, passedSeconds);
    return {
      heal() {
        failed.heal();
        stop();
      },
      promises: failed.promises,
    };
  },
};

interface Watched extends Injected {
  readonly heal: () => void;
}

/** On the clock of the execution so much time passes with each look. */
function passing(stage: Stage, state: string, seconds: number): () => void {
  return stage.onWorkflow((event) => {
    if (event.kind === 'entered' && event.state === state) stage.letTimePass(seconds);
  });
}

function answered(stage: Stage, doWhat: Approving, what: string, when: (event: ProgressEvent) => boolean): Watched {
  stage.approvers = doWhat;
  stage.injected(`people who are asked for an approval: ${doWhat}`);
  const struckBy = seen(stage, what, when);
  return {
    heal() {
      struckBy.heal();
      stage.approvers = 'approve';
    },
    promises: struckBy.promises,
  };
}

const entering = (state: string) => (event: ProgressEvent): boolean => event.kind === 'entered' && event.state === state;

/** It struck when the machine did this. */
function seen(stage: Stage, what: string, when: (event: ProgressEvent) => boolean): Watched {
  let times = 0;
  const stop = stage.onWorkflow((event) => {
    if (when(event)) times += 1;
  });
  return { heal: stop, promises: () => [struck(what, times)] };
}
