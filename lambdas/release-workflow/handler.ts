/** release-workflow: the last net of the machines. Contract: lib/contracts/release-workflow.ts. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { ExecutionEnded, releaseWorkflow } from '../../lib/contracts/release-workflow.ts';
import { lastNet } from '../../lib/cutover/last-net.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import { serve } from '../serve.ts';

const dynamodb = new DynamoDBClient({});
const sns = new SNSClient({});

const net = serve(releaseWorkflow, process.env, ({ BATON_LEASE_TABLE, BATON_TOPIC_ARN }) =>
  lastNet({
    control: new LeaseControl(new DynamoLeaseStore({ client: dynamodb, tableName: BATON_LEASE_TABLE })),
    notify: async ({ subject, message }) => {
      await sns.send(new PublishCommand({ TopicArn: BATON_TOPIC_ARN, Subject: subject, Message: message }));
    },
  }));

export const handler = (event: unknown): Promise<unknown> => {
  const { executionArn, status, input } = ExecutionEnded.parse(event).detail;
  return net({ step: 'release', execution: executionArn, status, request: input });
};
