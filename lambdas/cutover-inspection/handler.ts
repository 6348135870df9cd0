/** cutover-inspection: judges what a cutover sees. Contract: lib/contracts/cutover.ts, `cutoverInspection`. */
import { setTimeout } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { cutoverInspection } from '../../lib/contracts/cutover.ts';
import { acceptedOrdersIn } from '../../lib/cutover/accepted-orders.ts';
import { canaryFiguresIn } from '../../lib/cutover/canary-figures.ts';
import { inspectionSteps } from '../../lib/cutover/inspection-steps.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import { Journal } from '../../lib/trading/journal.ts';
import { serve } from '../serve.ts';

const client = new DynamoDBClient({});

export const handler = serve(cutoverInspection, process.env, (environment) => {
  const journal = new Journal({ client, tableName: environment.BATON_JOURNAL_TABLE });
  return inspectionSteps({
    control: new LeaseControl(new DynamoLeaseStore({ client, tableName: environment.BATON_LEASE_TABLE })),
    acceptedOrders: acceptedOrdersIn(journal),
    figures: canaryFiguresIn(journal),
    books: environment.BATON_BOOKS.split(','),
    now: () => new Date(),
    patience: { looks: 9, pause: () => setTimeout(100) },
  });
});
