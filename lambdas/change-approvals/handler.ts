/** change-approvals: approvals, as the machine asks for them. Contract: lib/contracts/change.ts, `changeApprovals`. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { agreedBill, approvalTable } from '../../lib/change/approval-table.ts';
import { approvalSteps } from '../../lib/change/approvals.ts';
import { changeApprovals } from '../../lib/contracts/change.ts';
import { byRegion, deployedStacks } from '../deployed-stacks.ts';
import { serve } from '../serve.ts';
import { proving } from '../sts.ts';

const now = (): Date => new Date();
/** A change does not wait for its bill: half of what the function has. */
const billTimeoutMs = 5000;

export const handler = serve(changeApprovals, process.env, (environment) => {
  const client = new DynamoDBClient({});
  const { BATON_STACKS: stacks, BATON_APPROVALS_TABLE: table } = environment;
  return approvalSteps({
    environment: environment.BATON_ENVIRONMENT,
    region: environment.BATON_REGION,
    required: Number(environment.BATON_APPROVALS_REQUIRED),
    store: approvalTable(client, table),
    ...(stacks !== undefined && {
      bill: {
        home: environment.BATON_REGION,
        agreed: agreedBill(client, table),
        async deployed() {
          const signal = AbortSignal.timeout(billTimeoutMs);
          return (await Promise.all([...byRegion(stacks)].map(([region, names]) => deployedStacks(region, names, signal)))).flat();
        },
      },
    }),
    prove: proving(environment, now),
    now,
  });
});
