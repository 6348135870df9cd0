/** switchover-control: judges planned moves between Regions by the lease. Contract: lib/contracts/switchover.ts, `switchoverControl`. */
import { setTimeout as pause } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { switchoverControl } from '../../lib/contracts/switchover.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import type { BookName } from '../../lib/lease/model.ts';
import { switchoverSteps } from '../../lib/switchover/control-steps.ts';
import { serve } from '../serve.ts';

const client = new DynamoDBClient({});

export const handler = serve(switchoverControl, process.env, (environment) =>
  switchoverSteps({
    control: new LeaseControl(new DynamoLeaseStore({ client, tableName: environment.BATON_LEASE_TABLE })),
    books: environment.BATON_BOOKS.split(',') as BookName[],
    booksThatWrite: environment.BATON_BOOKS_THAT_WRITE.split(','),
    region: environment.BATON_REGION,
    patience: { looks: 9, pause: () => pause(100) },
  }));
