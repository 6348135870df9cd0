/** What is stopped for money, in the table of the bill's notices: one item, under a name that no notice has, written on top of what was read. */
import { ConditionalCheckFailedException, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { RecordChangedError, type ResponseParts, type ResponseRecord } from './response.ts';

const notice = { S: 'stopped' };

export function responseRecords(client: DynamoDBClient, TableName: string): Pick<ResponseParts, 'read' | 'write'> {
  return {
    async read() {
      const { Item } = await client.send(new GetItemCommand({ TableName, Key: { notice }, ConsistentRead: true }));
      return { record: Item === undefined ? { stopped: [] } : (JSON.parse(Item['record']?.S ?? '') as ResponseRecord), version: Number(Item?.['version']?.N ?? 0) };
    },
    async write(record, version) {
      const asRead = version === 0 ? 'attribute_not_exists(notice)' : 'version = :seen';
      await client
        .send(new PutItemCommand({
          TableName, Item: { notice, record: { S: JSON.stringify(record) }, version: { N: String(version + 1) } }, ConditionExpression: asRead,
          ...(version > 0 && { ExpressionAttributeValues: { ':seen': { N: String(version) } } }),
        }))
        .catch((error: unknown) => {
          if (!(error instanceof ConditionalCheckFailedException)) throw error;
          throw new RecordChangedError('Another execution wrote down what it stops meanwhile: this one looks again.');
        });
    },
  };
}
