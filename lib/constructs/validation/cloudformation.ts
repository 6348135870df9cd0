/**
 * CloudFormation's own rules, judged in a thread of their own. Their engine takes three quarters of a second to start,
 * which is most of what validation costs: begun with the process, it is ready by the time that there are templates.
 *
 * It imports no CDK, so that an entry point can have the engine start while the CDK still loads.
 */
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { IPolicyValidationContext, PolicyValidationPluginReport } from 'aws-cdk-lib';
import type { Answer, Start } from './cloudformation-thread.ts';

/** A synthesis of ours takes a second in it; a thread that died never answers. */
const patienceMs = 60_000;

type Judge = (templates: IPolicyValidationContext['stackTemplates']) => PolicyValidationPluginReport;
let thread: Judge | undefined;

/** Starts the engine beside whatever else the process does; without this, the first judgement does. */
export function prepareCloudFormationRules(): void {
  thread ??= startThread();
}

export function judgeByCloudFormationRules(templates: IPolicyValidationContext['stackTemplates']): PolicyValidationPluginReport {
  thread ??= startThread();
  return thread(templates);
}

function startThread(): Judge {
  const { port1: ours, port2: port } = new MessageChannel();
  const answers = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const workerData: Start = { port, answers };
  const worker = new Worker(new URL('cloudformation-thread.ts', import.meta.url), { workerData, transferList: [port] });
  worker.unref();
  ours.unref();
  return (templates) => {
    const answered = Atomics.load(answers, 0);
    ours.postMessage(templates, []);
    Atomics.wait(answers, 0, answered, patienceMs);
    const answer = receiveMessageOnPort(ours)?.message as Answer | undefined;
    if (answer === undefined) {
      throw new Error(`CloudFormation's rules gave no answer within ${patienceMs / 1000} s. Synthesize again; if it stays, its thread dies.`);
    }
    if ('error' in answer) throw answer.error;
    return answer.report;
  };
}
