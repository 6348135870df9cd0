/** The thread of CloudFormation's rules: starts their engine, then judges what it is sent, one synthesis after another. */
import { createRequire } from 'node:module';
import { type MessagePort, workerData } from 'node:worker_threads';
import type { IPolicyValidationContext, PolicyValidationPluginReport } from 'aws-cdk-lib';

export interface Start {
  readonly port: MessagePort;
  /** Counts answers, for the side that waits without an event loop. */
  readonly answers: Int32Array;
}
export type Answer = { readonly report: PolicyValidationPluginReport } | { readonly error: unknown };

/** The rules of all types: the plugin makes its engine anew for a type that it was not made for. */
class EveryType extends Set<string> {
  override has(): boolean {
    return true;
  }
}

// By require: an import would load the whole library, a quarter of a second of it.
const { CloudFormationValidatePlugin } = createRequire(import.meta.url)('aws-cdk-lib') as typeof import('aws-cdk-lib');
const plugin = new CloudFormationValidatePlugin();
// Private, so that the compiler says when a new version has it no more.
plugin['initializeEngine'](new EveryType());

const { port, answers } = workerData as Start;
port.on('message', (stackTemplates: IPolicyValidationContext['stackTemplates']) => {
  port.postMessage(judge(stackTemplates), []);
  Atomics.add(answers, 0, 1);
  Atomics.notify(answers, 0);
});

function judge(stackTemplates: IPolicyValidationContext['stackTemplates']): Answer {
  try {
    // It reads templates and no constructs, which no thread could be sent.
    return { report: plugin.validate({ stackTemplates } as IPolicyValidationContext) };
  } catch (error) {
    return { error };
  }
}
