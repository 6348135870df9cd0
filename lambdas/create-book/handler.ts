/** create-book: the custom resource behind `Custom::BatonBook`. Contract: lib/contracts/create-book.ts. */
import { Logger } from '@aws-lambda-powertools/logger';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createBookEnvironment } from '../../lib/contracts/create-book.ts';
import { CustomResourceRequest, type CustomResourceAnswer } from '../../lib/contracts/custom-resource.ts';
import { answerBookRequest } from '../../lib/cutover/book-creation.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import { answerCloudFormation } from '../custom-resource.ts';
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
  await answerCloudFormation(request, answer);
  logger.info('answered', { status: answer.Status, reason: answer.Reason });
};
