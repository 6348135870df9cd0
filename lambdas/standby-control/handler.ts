/** standby-control: decides for refreshes of the standby Region. Contract: lib/contracts/standby.ts, `standbyControl`. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { standbyControl } from '../../lib/contracts/standby.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import { standbySteps } from '../../lib/standby/steps.ts';
import { serve } from '../serve.ts';

const client = new DynamoDBClient({});

export const handler = serve(standbyControl, process.env, ({ BATON_LEASE_TABLE: tableName, BATON_BOOKS, BATON_BOOKS_THAT_WRITE, BATON_REGION }) =>
  standbySteps({
    control: new LeaseControl(new DynamoLeaseStore({ client, tableName })), books: BATON_BOOKS.split(','),
    booksThatWrite: BATON_BOOKS_THAT_WRITE.split(','), region: BATON_REGION,
  }));
