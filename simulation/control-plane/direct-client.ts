/**
 * A client of the SDK for a service whose protocol the models do not speak on the wire: what is sent goes to the model as it is, over the same network and under the
 * same policies.
 */
import { DBInstanceNotFoundFault } from '@aws-sdk/client-rds';
import { AwsError, RegionDarkError } from '../../rehearsal/cloud/model.ts';
import type { CloudWorld } from '../../rehearsal/cloud/world.ts';
import type { Network } from '../network.ts';
import { functionsHost } from '../swarm.ts';
import type { SimulatedProcess } from '../virtual-time.ts';

export interface Directly {
  readonly world: CloudWorld;
  readonly network: Network;
  /** Who asks. */
  readonly process: () => SimulatedProcess;
  readonly roleArn: string;
  readonly region: string;
}

interface Command {
  readonly constructor: { readonly name: string };
  readonly input: unknown;
}

/** Errors that our code tells apart by their class. */
const classes: Readonly<Record<string, new (of: { message: string; $metadata: object }) => Error>> = { DBInstanceNotFoundFault };

/** `prototype`: the SDK's paginators look at it. */
export function directClient<Client extends object>(prototype: Client, service: string, { world, network, process, roleArn, region }: Directly): Client {
  const send = async ({ constructor, input }: Command): Promise<unknown> => {
    const operation = constructor.name.replace(/Command$/, '');
    const answer = await network.ask(process(), { host: functionsHost, service }, async () => {
      try {
        return { given: await world.call({ service, operation, region, caller: world.callerFor(roleArn), input: input as Record<string, unknown> }) };
      } catch (error) {
        return { error };
      }
    });
    if (!('error' in answer)) return answer.given;
    // Of a Region that is dark nothing is heard.
    if (answer.error instanceof RegionDarkError) return new Promise(() => undefined);
    const Declared = answer.error instanceof AwsError ? classes[answer.error.name] : undefined;
    throw Declared === undefined ? answer.error : new Declared({ message: (answer.error as Error).message, $metadata: {} });
  };
  return Object.assign(Object.create(prototype) as Client, { send });
}
