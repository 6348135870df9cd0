/** change-approvals: approvals, as the machine asks for them. Contract: lib/contracts/change.ts, `changeApprovals`. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { approvalTable } from '../../lib/change/approval-table.ts';
import { approvalSteps } from '../../lib/change/approvals.ts';
import { changeApprovals } from '../../lib/contracts/change.ts';
import { serve } from '../serve.ts';
import { proving } from '../sts.ts';

const now = (): Date => new Date();

export const handler = serve(changeApprovals, process.env, (environment) =>
  approvalSteps({
    environment: environment.BATON_ENVIRONMENT,
    region: environment.BATON_REGION,
    required: Number(environment.BATON_APPROVALS_REQUIRED),
    store: approvalTable(new DynamoDBClient({}), environment.BATON_APPROVALS_TABLE),
    prove: proving(environment, now),
    now,
  }));
