/** All that is played of the state machines: for each, where its definition is, who executes it, and the scenes in which it sets out. */
import type { StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import type { Json } from '../../rehearsal/states/engine.ts';
import * as cutoverWorld from '../worlds/cutover.ts';
import { Caches, executionArn as cacheExecution } from '../worlds/caches.ts';
import { executionArn as leftoversExecution } from '../worlds/drill-tasks.ts';
import * as drillWorld from '../worlds/drill.ts';
import { executionArn as failoverExecution, request as failoverRequest } from '../worlds/recovery.ts';
import * as research from '../worlds/research.ts';
import { executionArn as restoreExecution } from '../worlds/restore.ts';
import * as verificationWorld from '../worlds/verification.ts';
import type { World } from '../worlds/world.ts';
import * as backupVerification from './backup-verification.ts';
import * as budgetResponse from './budget-response.ts';
import * as canary from './canary.ts';
import * as cutover from './cutover.ts';
import * as drill from './dr-drill.ts';
import * as drillLeftovers from './drill-leftovers.ts';
import * as failover from './failover.ts';
import * as halt from './halt.ts';
import * as moves from './moves.ts';
import * as refreshStandby from './refresh-standby.ts';
import * as replaceKey from './replace-key.ts';
import * as restoreDatabase from './restore-database.ts';
import * as resume from './resume.ts';
import * as revokeNow from './revoke-now.ts';
import * as rollback from './rollback.ts';

/** The environments whose machines are played, by what their assemblies are called: an environment, or a variant of its settings. */
export const assemblies = ['dev', 'dev-database-required', 'staging'] as const;
export type AssemblyName = (typeof assemblies)[number];

export interface Play {
  readonly machine: string;
  readonly assembly: AssemblyName;
  readonly execution: string;
  /** Each a world of its own. */
  readonly scenes: Readonly<Record<string, (definition: StateMachineDefinition) => Promise<World>>>;
  readonly input: (scene: string, world: World) => Json;
}

/** The worlds of a play are of its own class: its input knows it. */
function play<W extends World>(
  machine: string, execution: string, scenes: Readonly<Record<string, (definition: StateMachineDefinition) => Promise<W>>>,
  input: (scene: string, world: W) => unknown, assembly: AssemblyName = 'dev',
): Play {
  return { machine, assembly, execution, scenes, input: input as Play['input'] };
}

/** By name: a machine's, but for a second play of the same one. */
export const plays: Readonly<Record<string, Play>> = {
  cutover: play('cutover', cutoverWorld.executionArn, cutover.scenarios, (_, world) => cutover.typed(world)),
  canary: play('canary', canary.executionArn, canary.stories, (_, world) => canary.typed(world)),
  rollback: play('rollback', rollback.execution, rollback.scenarios, rollback.inputOf),
  halt: play('halt', cutoverWorld.executionArn, { trading: halt.trading }, () => halt.request),
  resume: play('resume', cutoverWorld.executionArn, resume.halted, () => resume.request),
  'revoke-now': play('revoke-now', revokeNow.execution, revokeNow.scenarios, () => revokeNow.request),
  'replace-key': play('replace-key', cutoverWorld.executionArn, { withAPerson: () => replaceKey.withAPerson() }, () => replaceKey.request),
  'refresh-standby': play('refresh-standby', refreshStandby.execution, refreshStandby.scenarios, () => refreshStandby.request),
  failover: play('failover', failoverExecution, failover.scenarios, failover.inputOf),
  'failover-database-required': play('failover', failoverExecution, { lost: failover.lostWithABotThatWrites }, () => failoverRequest, 'dev-database-required'),
  switchover: play('switchover', moves.executionOf('switchover'), moves.planned, () => moves.request),
  failback: play('failback', moves.executionOf('failback'), { ...moves.planned, ...moves.left }, () => moves.request),
  'restore-database': play('restore-database', restoreExecution, restoreDatabase.scenarios, () => restoreDatabase.request, 'dev-database-required'),
  'dr-drill': play('dr-drill', drillWorld.executionArn, drill.scenarios, () => drillWorld.request),
  'drill-leftovers': play('drill-leftovers', leftoversExecution, drillLeftovers.scenarios, () => ({})),
  'backup-verification': play('backup-verification', verificationWorld.executionArn, backupVerification.scenarios, () => verificationWorld.request),
  'cache-snapshot': play('cache-snapshot', cacheExecution, {
    healthy: async () => new Caches(), broken: async () => Object.assign(new Caches(), { fails: 'exporting' as const }),
  }, () => ({})),
  'budget-response': play('budget-response', research.executionArn, budgetResponse.scenarios, budgetResponse.inputOf, 'staging'),
};
