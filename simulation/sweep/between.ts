/** A fault between a machine and its world: what is done, when, and what the machine is told of it. */
import { refusalIn } from '../../lib/contracts/step.ts';
import type { TaskState } from '../../rehearsal/states/definition.ts';
import { TaskFailure, type Json } from '../../rehearsal/states/engine.ts';
import type { Between, World } from '../worlds/world.ts';
import { words, type Fault } from './cells.ts';

/** When the next try has begun, and the machine has gone on. */
const lateByMs = 1500;
/** So many are told as they come. */
const roundsSeen = 20;
const roundMs = 600_000;
/** With these it is done all the same. */
const goesOn: ReadonlySet<string> = new Set([words.empty, words.former, words.twice]);
/** A function is ended by its own time-out so long before its state's: what it does late it has done by then. */
const functionEndsBeforeMs = 5000;

/** @param pending takes what is still under way when the machine has ended. */
export function faulty(fault: Fault, { world, task, pending }: { readonly world: World; readonly task: TaskState; readonly pending: Promise<unknown>[] }): Between {
  let struck = 0;
  let former: unknown;
  return async ({ args, context }, work) => {
    if (context.state !== fault.state || (fault.times === 'once' && struck > 0)) return work();
    struck += 1;
    // Waits are compressed: what goes wrong for hours would take thousands of rounds.
    if (struck > roundsSeen && !goesOn.has(fault.what)) world.skippedMs += roundMs;
    switch (fault.what) {
      case words.silence:
        if (fault.when === 'after') await work();
        if (fault.when === 'late') pending.push(world.sleep(timeoutMs(task) + (isFunction(task) ? -functionEndsBeforeMs : lateByMs)).then(work).catch(ofNobody));
        return new Promise(() => undefined);
      case words.empty:
        await work();
        return isFunction(task) ? { StatusCode: 200, Payload: {} } : {};
      case words.former: {
        const answer = await work();
        const told = former ?? answer;
        former = answer;
        return told;
      }
      case words.refusal:
        return { StatusCode: 200, Payload: refused };
      case words.twice: {
        const answer = await work();
        await work().catch(ofNobody);
        return answer;
      }
      default:
        if (fault.when === 'after') await work();
        else world.comesTrue(fault.what, args);
        throw new TaskFailure(fault.what, JSON.stringify({ errorType: fault.what, errorMessage: 'it said so', trace: [] }));
    }
  };
}

/** As a function answers one. */
const refused = refusalIn({ input: undefined as never, output: undefined as never, errors: { SomeRefusal: 'refusal' } }, { name: 'SomeRefusal', message: 'not now' }) as unknown as Json;
/** An error that nobody waits for. */
const ofNobody = (): undefined => undefined;
const isFunction = ({ Resource }: TaskState): boolean => Resource.includes(':lambda:');
const timeoutMs = ({ TimeoutSeconds }: TaskState): number => Number(TimeoutSeconds) * 1000;
