/** The addresses that keys are bound to: of both Regions, as each has recorded its own here and the other's copy is kept. */
import { GetParametersCommand, type SSMClient } from '@aws-sdk/client-ssm';
import type { KeyPolicy } from '../venues/keys/provider.ts';

const address = /^\d{1,3}(\.\d{1,3}){3}$/;

/** Throws while one Region's are not known: a key without them would end a failover at a refused login. */
export function venueAddresses(parameters: SSMClient, names: readonly string[]): () => Promise<KeyPolicy> {
  return async () => {
    const { Parameters = [] } = await parameters.send(new GetParametersCommand({ Names: [...names] }));
    const found = names.map((name) => (Parameters.find(({ Name }) => Name === name)?.Value ?? '').split(',').map((each) => each.trim()));
    const unknown = names.filter((_, index) => !found[index]!.every((each) => address.test(each)));
    if (unknown.length > 0) {
      throw new Error(`the addresses of ${unknown.join(' and ')} are not known here: deploy the network of that Region, and let the watch of the keys run once`);
    }
    return { addresses: [...new Set(found.flat())] };
  };
}
