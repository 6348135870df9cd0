/** recovery-control: judges whether a Region is lost, and moves books. Contract: lib/contracts/recovery.ts, `recoveryControl`. */
import { setTimeout } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { recoveryControl } from '../../lib/contracts/recovery.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import type { BookName } from '../../lib/lease/model.ts';
import { controlSteps } from '../../lib/recovery/control-steps.ts';
import { Journal } from '../../lib/trading/journal.ts';
import { serve } from '../serve.ts';

const client = new DynamoDBClient({});
/** From one end of a continent to the other it takes a tenth of that. */
const probeTimeoutMs = 1000;

export const handler = serve(recoveryControl, process.env, (environment) =>
  controlSteps({
    control: new LeaseControl(new DynamoLeaseStore({ client, tableName: environment.BATON_LEASE_TABLE })),
    journal: new Journal({ client, tableName: environment.BATON_JOURNAL_TABLE }),
    books: environment.BATON_BOOKS.split(',') as BookName[],
    answers,
    nowMs: () => Date.now(),
    sleep: setTimeout,
    patience: { looks: 9, pause: () => setTimeout(100) },
  }));

/** The one call that needs no permission. Whatever is answered, somebody answered; a fault of the server is no answer. */
async function answers(region: string): Promise<boolean> {
  try {
    await new STSClient({ region, maxAttempts: 1 }).send(new GetCallerIdentityCommand({}), { abortSignal: AbortSignal.timeout(probeTimeoutMs) });
    return true;
  } catch (error) {
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    return status !== undefined && status < 500;
  }
}
