/** key-watch: looks at the exchange keys of a Region. Contract: lib/contracts/key-watch.ts. */
import { randomUUID } from 'node:crypto';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { SSMClient } from '@aws-sdk/client-ssm';
import { calling } from '../../lib/contracts/call.ts';
import { keyRotation } from '../../lib/contracts/key-rotation.ts';
import { keyWatch } from '../../lib/contracts/key-watch.ts';
import { addressCopy, watchedBook } from '../../lib/key-watch/aws.ts';
import { watchSteps } from '../../lib/key-watch/watch.ts';
import { sendingTo } from '../invoke.ts';
import { serve } from '../serve.ts';

const functions = new LambdaClient({});
const secrets = new SecretsManagerClient({});
const parameters = new SSMClient({});
const notices = new SNSClient({});

const watch = serve(keyWatch, process.env, (environment) => {
  const { BATON_ENVIRONMENT: name, BATON_OTHER_REGION: otherRegion } = environment;
  return watchSteps({
    books: environment.BATON_BOOKS.split(',').map((book) => {
      const functionArn = environment.BATON_KEY_FUNCTIONS.replace('*', book);
      const wanted = { functionArn, days: Number(environment.BATON_ROTATE_DAYS) };
      return watchedBook({ book, environment: name, wanted, secrets, parameters, ask: calling(keyRotation, functionArn, sendingTo(functions)), newToken: randomUUID });
    }),
    graceHours: Number(environment.BATON_GRACE_HOURS),
    warnDays: environment.BATON_WARN_DAYS.split(',').map(Number),
    copyAddresses: addressCopy({ environment: name, otherRegion, here: parameters, there: new SSMClient({ region: otherRegion }) }),
    tell: async (Subject, Message) => {
      await notices.send(new PublishCommand({ TopicArn: environment.BATON_TOPIC, Subject, Message }));
    },
    now: () => new Date(),
  });
});

/** Its schedule started it. */
export const handler = (): Promise<unknown> => watch({ step: 'watch' });
