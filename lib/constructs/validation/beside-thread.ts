/** The thread of beside.ts: starts the engines, then judges what it is sent, one synthesis after another. */
import { createRequire } from 'node:module';
import { type MessagePort, workerData } from 'node:worker_threads';
import type { IPolicyValidationContext, PolicyValidationPluginReport } from 'aws-cdk-lib';
import { StateMachineRules, warmUp } from './state-machines.ts';

export interface Start {
  readonly port: MessagePort;
  /** Counts answers, for the side that waits without an event loop. */
  readonly answers: Int32Array;
}
/** What rules read of templates: no construct could be sent to a thread. */
export type Asked = Pick<IPolicyValidationContext, 'stackTemplates' | 'templatePaths'>;
export interface Reports {
  readonly cloudFormation: PolicyValidationPluginReport;
  readonly stateMachines: PolicyValidationPluginReport;
}
export type Answer = { readonly reports: Reports } | { readonly error: unknown };

/**
 * The plugin makes its engine anew for a type that it was not made for. The one for which the CDK brings rules of its own, a third
 * of the engine's start, is not ours.
 */
class EveryTypeWithoutRules extends Set<string> {
  override has(type: string): boolean {
    return !type.startsWith('AWS::GameLift::');
  }
}

// By require: an import would load the whole library, a quarter of a second of it.
const { CloudFormationValidatePlugin } = createRequire(import.meta.url)('aws-cdk-lib') as typeof import('aws-cdk-lib');
const cloudFormation = new CloudFormationValidatePlugin();
// Private, so that the compiler says when a new version has it no more.
cloudFormation['initializeEngine'](new EveryTypeWithoutRules());
const stateMachines = new StateMachineRules();
warmUp();

const { port, answers } = workerData as Start;
port.on('message', (asked: Asked) => {
  port.postMessage(judge(asked as IPolicyValidationContext), []);
  Atomics.add(answers, 0, 1);
  Atomics.notify(answers, 0);
});

function judge(asked: IPolicyValidationContext): Answer {
  try {
    return { reports: { cloudFormation: cloudFormation.validate(asked), stateMachines: stateMachines.validate(asked) } };
  } catch (error) {
    return { error };
  }
}
