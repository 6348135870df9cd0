/** create-book: the custom resource behind `Custom::BatonBook`. Contract: lib/contracts/create-book.ts. */
import { Logger } from '@aws-lambda-powertools/logger';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createBookEnvironment, CustomResourceRequest } from '../../lib/contracts/create-book.ts';
import { answerBookRequest, type CustomResourceAnswer } from '../../lib/cutover/book-creation.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import { readEnvironment } from '../serve.ts';

const logger = new Logger({ serviceName: 'create-book' });
const { BATON_LEASE_TABLE: tableName } = readEnvironment('create-book', createBookEnvironment, process.env);
const control = new LeaseControl(new DynamoLeaseStore({ client: new DynamoDBClient({}), tableName }));

export const handler = async (event: unknown): Promise<void> => {
  const request = CustomResourceRequest.parse(event);
  const answer = await answerBookRequest(request, control).catch((error: Error): CustomResourceAnswer => {
    logger.error('the book was not created', error);
    return { Status: 'FAILED', Reason: error.message, PhysicalResourceId: request.PhysicalResourceId ?? 'no-book' };
  });
  const { ResponseURL, StackId, RequestId, LogicalResourceId } = request;
  const response = await fetch(ResponseURL, {
    method: 'PUT',
    // The address is signed for a request without a content type.
    headers: { 'content-type': '' },
    body: JSON.stringify({ ...answer, StackId, RequestId, LogicalResourceId }),
  });
  if (!response.ok) throw new Error(`CloudFormation did not take the answer: ${response.status}. It will time out and can be retried.`);
  logger.info('answered', { status: answer.Status, reason: answer.Reason });
};
