/** What a month's response stopped, in the table of the bill's notices: one item for each month, under a name that no notice has. */
import { DeleteItemCommand, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import type { ResponseParts, ResponseRecord } from './response.ts';

export function responseRecords(client: DynamoDBClient, TableName: string): Pick<ResponseParts, 'read' | 'write' | 'forget'> {
  const Key = (month: string) => ({ notice: { S: `response/${month}` } });
  return {
    async read(month) {
      const { Item } = await client.send(new GetItemCommand({ TableName, Key: Key(month), ConsistentRead: true }));
      return Item && (JSON.parse(Item['record']?.S ?? '') as ResponseRecord);
    },
    async write(month, record) {
      await client.send(new PutItemCommand({ TableName, Item: { ...Key(month), record: { S: JSON.stringify(record) } } }));
    },
    async forget(month) {
      await client.send(new DeleteItemCommand({ TableName, Key: Key(month) }));
    },
  };
}
