/** What the watch over the exchange keys looks at and changes, by the SDK. */
import { DescribeSecretCommand, RotateSecretCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, ParameterNotFound, PutParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import * as z from 'zod/mini';
import type { Call } from '../contracts/call.ts';
import type { keyRotation } from '../contracts/key-rotation.ts';
import type { RotationRule, WatchedBook } from './watch.ts';

/** A Region that is lost may not even refuse: nothing here waits for it. */
const otherAnswersWithinMs = 3000;

const Told = z.object({ version: z.string(), days: z.int() });

export function watchedBook({ book, environment, wanted, secrets, parameters, ask, newToken }: {
  readonly book: string;
  readonly environment: string;
  readonly wanted: RotationRule;
  readonly secrets: SecretsManagerClient;
  readonly parameters: SSMClient;
  /** The book's key function. */
  readonly ask: Call<typeof keyRotation>;
  readonly newToken: () => string;
}): WatchedBook {
  const SecretId = `baton-${environment}/${book}/venue`;
  const Name = `/baton/${environment}/${book}/key-warnings`;
  return {
    name: book,
    keys: { inspect: () => ask('inspect', {}), settle: () => ask('settle', {}), sweep: () => ask('sweep', {}) },
    async finish(version) {
      for (const step of ['create', 'set', 'test', 'finish'] as const) await ask(step, { version });
    },
    rotation: {
      wanted,
      async read() {
        const { RotationEnabled: isEnabled, RotationLambdaARN: functionArn, RotationRules } = await secrets.send(new DescribeSecretCommand({ SecretId }));
        return isEnabled === true && functionArn !== undefined ? { functionArn, days: RotationRules?.AutomaticallyAfterDays ?? 0 } : undefined;
      },
      async configure({ functionArn, days }) {
        await secrets.send(new RotateSecretCommand({
          SecretId, ClientRequestToken: newToken(), RotationLambdaARN: functionArn, RotationRules: { AutomaticallyAfterDays: days },
          // When it is due. That the function works is tried at once.
          RotateImmediately: false,
        }));
      },
    },
    told: {
      async read() {
        const { Parameter } = await parameters.send(new GetParameterCommand({ Name }));
        const value = Parameter?.Value ?? 'none';
        return value === 'none' ? undefined : Told.parse(JSON.parse(value));
      },
      async write(told) {
        await parameters.send(new PutParameterCommand({ Name, Type: 'String', Overwrite: true, Value: JSON.stringify(told) }));
      },
    },
  };
}

/** The other Region's addresses, here: keys are bound to both Regions' while only this one is left. */
export function addressCopy({ environment, otherRegion, here, there }: {
  readonly environment: string;
  readonly otherRegion: string;
  readonly here: SSMClient;
  readonly there: SSMClient;
}): () => Promise<string | undefined> {
  const Name = `/baton/${environment}/venue-addresses/${otherRegion}`;
  const read = async (client: SSMClient, abortSignal?: AbortSignal): Promise<string | undefined> => {
    try {
      return (await client.send(new GetParameterCommand({ Name }), { ...(abortSignal && { abortSignal }) })).Parameter?.Value;
    } catch (error) {
      if (error instanceof ParameterNotFound) return undefined;
      throw error;
    }
  };
  return async () => {
    const kept = await read(here);
    try {
      const theirs = await read(there, AbortSignal.timeout(otherAnswersWithinMs));
      if (theirs === undefined) throw new Error(`${Name} is not in ${otherRegion}: its network is not deployed`);
      if (theirs === kept) return undefined;
      await here.send(new PutParameterCommand({ Name, Type: 'String', Overwrite: true, Value: theirs }));
      return `keeps the addresses of ${otherRegion}: ${theirs}`;
    } catch (error) {
      // A Region that is lost keeps its addresses, and what is kept here is what was there.
      if (kept === undefined) throw error;
      return `${otherRegion} did not say its addresses (${(error as Error).name}); those kept here stand`;
    }
  };
}
