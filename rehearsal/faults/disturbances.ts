/**
 * What goes wrong between a caller and an AWS service: calls that are refused, delayed, or carried out and then not
 * answered as they ended. It stands around the models' operations, so a call meets it whoever makes it: a container, a
 * function, a state machine or EventBridge.
 */
import type { Call, OperationHandler, ServiceModel } from '../cloud/model.ts';

/** Does with one call what it likes; `next` carries it out. Undefined lets the call pass as if nothing was there. */
export type Disturbance = (call: Call, next: () => Promise<unknown>) => Promise<unknown> | undefined;

export class Disturbances {
  readonly #active = new Set<Disturbance>();

  /** Lasts until the answer is called. */
  add(disturbance: Disturbance): () => void {
    this.#active.add(disturbance);
    return () => void this.#active.delete(disturbance);
  }

  /** The same model, with every operation open to disturbance. */
  around<Model extends ServiceModel>(model: Model): Model {
    const operations = Object.fromEntries(
      Object.entries(model.operations).map(([name, handler]): [string, OperationHandler] => [name, (input, call) => this.#pass(handler, input, call)]),
    );
    return { ...model, operations };
  }

  #pass(handler: OperationHandler, input: unknown, call: Call): unknown {
    let next = (): unknown => handler(input, call);
    for (const disturbance of this.#active) {
      const inner = next;
      next = () => disturbance(call, async () => inner()) ?? inner();
    }
    return next();
  }
}
