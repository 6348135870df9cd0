/** lease-control: writes the lease for workflows. Contract: lib/contracts/cutover.ts, `leaseControl`. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { leaseControl } from '../../lib/contracts/cutover.ts';
import { leaseSteps } from '../../lib/cutover/lease-steps.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import { serve } from '../serve.ts';

const client = new DynamoDBClient({});

export const handler = serve(leaseControl, process.env, ({ BATON_LEASE_TABLE: tableName }) =>
  leaseSteps(new LeaseControl(new DynamoLeaseStore({ client, tableName }))));
