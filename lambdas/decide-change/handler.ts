/** decide-change: approvals and rejections, as people make them. Contract: lib/contracts/change.ts, `decideChange`. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { approvalTable } from '../../lib/change/approval-table.ts';
import { decisionSteps } from '../../lib/change/approvals.ts';
import { decideChange } from '../../lib/contracts/change.ts';
import { serve } from '../serve.ts';
import { proving } from '../sts.ts';

const now = (): Date => new Date();

export const handler = serve(decideChange, process.env, (environment) =>
  decisionSteps({
    environment: environment.BATON_ENVIRONMENT,
    region: environment.BATON_REGION,
    approvers: environment.BATON_APPROVERS.split(','),
    executionsArn: environment.BATON_EXECUTIONS_ARN,
    store: approvalTable(new DynamoDBClient({}), environment.BATON_APPROVALS_TABLE),
    prove: proving(environment, now),
    now,
  }));
