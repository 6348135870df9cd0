/**
 * The rules that are slow to start, judged in a thread beside: CloudFormation's own, whose engine takes three quarters of a
 * second to start, and those of the states language, whose schemas are compiled at their first use. Begun with the process,
 * both are ready by the time that there are templates; and they judge while the other rules do.
 *
 * It imports no CDK, so that an entry point can have them start while the CDK still loads.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { IPolicyValidationContext } from 'aws-cdk-lib';
import type { Answer, Asked, Reports, Start } from './beside-thread.ts';

/** A synthesis of ours takes a second in it; a thread that died never answers. */
const patienceMs = 60_000;

interface Thread {
  readonly port: MessagePort;
  readonly answers: Int32Array;
  /** How many were asked for, and the last of them when it has been received. */
  asked: number;
  last?: { readonly of: number; readonly answer: Answer };
}
let thread: Thread | undefined;

/** Starts the thread beside whatever else the process does; without this, the first judgement does. */
export function prepareRulesBeside(): void {
  thread ??= startThread();
}

/** Has the thread judge these templates from now on. */
export function beginJudging({ stackTemplates, templatePaths }: IPolicyValidationContext): void {
  thread ??= startThread();
  thread.asked += 1;
  thread.port.postMessage({ stackTemplates, templatePaths } satisfies Asked, []);
}

/** What it found in the templates of the last beginning; waits for it. */
export function judged(): Reports {
  if (thread === undefined) throw new Error('Nothing is being judged beside: beginJudging comes first.');
  const { port, answers, asked } = thread;
  if (thread.last?.of !== asked) {
    const deadlineMs = performance.now() + patienceMs;
    for (let answered = Atomics.load(answers, 0); answered < asked; answered = Atomics.load(answers, 0)) {
      if (Atomics.wait(answers, 0, answered, deadlineMs - performance.now()) === 'timed-out') {
        throw new Error(`The rules beside gave no answer within ${patienceMs / 1000} s. Synthesize again; if it stays, their thread dies.`);
      }
    }
    // One that was begun and never collected, for another rule threw, comes before it.
    for (let received = receiveMessageOnPort(port); received !== undefined; received = receiveMessageOnPort(port)) {
      thread.last = { of: asked, answer: received.message as Answer };
    }
  }
  const answer = thread.last?.answer ?? { error: new Error('The rules beside answered nothing.') };
  if ('error' in answer) throw answer.error;
  return answer.reports;
}

function startThread(): Thread {
  const { port1: ours, port2: port } = new MessageChannel();
  const answers = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const workerData: Start = { port, answers };
  const worker = new Worker(new URL('beside-thread.ts', import.meta.url), { workerData, transferList: [port] });
  worker.unref();
  ours.unref();
  return { port: ours, answers, asked: 0 };
}
