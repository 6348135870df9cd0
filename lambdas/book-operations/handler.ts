/** book-operations: decides for rollbacks and resumes. Contract: lib/contracts/operations.ts, `bookOperations`. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { bookOperations } from '../../lib/contracts/operations.ts';
import { acceptedOrdersIn } from '../../lib/cutover/accepted-orders.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import { operationSteps } from '../../lib/operations/steps.ts';
import { Journal } from '../../lib/trading/journal.ts';
import { serve } from '../serve.ts';

const client = new DynamoDBClient({});

export const handler = serve(bookOperations, process.env, (environment) =>
  operationSteps({
    control: new LeaseControl(new DynamoLeaseStore({ client, tableName: environment.BATON_LEASE_TABLE })),
    acceptedOrders: acceptedOrdersIn(new Journal({ client, tableName: environment.BATON_JOURNAL_TABLE })),
    books: environment.BATON_BOOKS.split(','),
    cutoverExecutions: environment.BATON_CUTOVER_EXECUTIONS,
  }));
