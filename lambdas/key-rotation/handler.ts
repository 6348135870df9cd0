/** key-rotation: makes, proves, promotes and revokes the keys of one book. Contract: lib/contracts/key-rotation.ts. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SSMClient } from '@aws-sdk/client-ssm';
import { keyRotation, RotationEvent } from '../../lib/contracts/key-rotation.ts';
import { keyRoster } from '../../lib/key-rotation/roster.ts';
import { rotationSteps } from '../../lib/key-rotation/rotation.ts';
import { revocationSchedule } from '../../lib/key-rotation/schedule.ts';
import { keySecret, readManagementKey } from '../../lib/key-rotation/secret-store.ts';
import { venueAddresses } from '../../lib/key-rotation/venue-addresses.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import { KeyRoster } from '../../lib/lease/key-roster.ts';
import type { BookName } from '../../lib/lease/model.ts';
import { keyProvider } from '../../lib/venues/keys/index.ts';
import { Secret } from '../../lib/secret.ts';
import { serve } from '../serve.ts';

const secrets = new SecretsManagerClient({});
const parameters = new SSMClient({});
const dynamodb = new DynamoDBClient({});
const scheduler = new SchedulerClient({});

const steps = serve(keyRotation, process.env, (environment) => {
  const book = environment.BATON_BOOK as BookName;
  const store = new DynamoLeaseStore({ client: dynamodb, tableName: environment.BATON_LEASE_TABLE });
  const control = new LeaseControl(store);
  const policy = venueAddresses(parameters, environment.BATON_ADDRESS_PARAMETERS.split(','));
  return rotationSteps({
    book,
    venue: environment.BATON_VENUE,
    region: environment.BATON_REGION,
    policy,
    graceHours: Number(environment.BATON_GRACE_HOURS),
    unusedSeconds: Number(environment.BATON_UNUSED_SECONDS),
    provider: keyProvider(environment.BATON_VENUE, {
      url: environment.BATON_VENUE_URL,
      symbol: environment.BATON_SYMBOL,
      policy,
      managementKey: () => readManagementKey(secrets, environment.BATON_MANAGEMENT_SECRET),
      randomHex: (digits) => randomBytes(digits / 2).toString('hex'),
      keyPair: ed25519Pair,
    }),
    secret: keySecret(secrets, environment.BATON_VENUE_SECRET, environment.BATON_REGION),
    roster: keyRoster(new KeyRoster({ store, book, monotonicMs: () => performance.now(), pause })),
    schedule: revocationSchedule({
      client: scheduler,
      book,
      group: environment.BATON_SCHEDULE_GROUP,
      targetArn: environment.BATON_REVOCATION_TARGET,
      roleArn: environment.BATON_REVOCATION_ROLE,
      deadLetterArn: environment.BATON_REVOCATION_DEAD_LETTERS,
    }),
    home: async () => (await control.read(book)).home,
    now: () => new Date(),
    pause: (seconds) => pause(seconds * 1000),
  });
});

function ed25519Pair() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string, privateKey: new Secret(privatePem.trim()) };
}

const stepOf = { createSecret: 'create', setSecret: 'set', testSecret: 'test', finishSecret: 'finish' } as const;

/** Secrets Manager names its steps itself; everybody else, as the contract does. */
export const handler = (event: unknown): Promise<unknown> => {
  const rotation = RotationEvent.safeParse(event);
  return steps(rotation.success ? { step: stepOf[rotation.data.Step], version: rotation.data.ClientRequestToken } : event);
};
