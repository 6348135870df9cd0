/** The newest orders of an epoch that the venue accepted, read from the book's journal. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { QueryCommand } from '@aws-sdk/client-dynamodb';
import type { BookName, Epoch } from '../lease/model.ts';
import type { EntryName } from './trading.ts';

/** Some seconds of the fastest book: enough to find accepted ones among orders still without an outcome. */
const entriesRead = 100;

export interface AcceptedOrders {
  newestOf(book: BookName, epoch: Epoch): Promise<readonly EntryName[]>;
}

export class JournalAcceptedOrders implements AcceptedOrders {
  readonly #client: DynamoDBClient;
  readonly #tableName: string;

  constructor({ client, tableName }: { readonly client: DynamoDBClient; readonly tableName: string }) {
    this.#client = client;
    this.#tableName = tableName;
  }

  async newestOf(book: BookName, epoch: Epoch): Promise<readonly EntryName[]> {
    const answer = await this.#client.send(new QueryCommand({
      TableName: this.#tableName,
      ConsistentRead: true,
      ScanIndexForward: false,
      Limit: entriesRead,
      KeyConditionExpression: 'book = :book AND begins_with(entry, :epoch)',
      ExpressionAttributeValues: { ':book': { S: book }, ':epoch': { S: `${String(epoch).padStart(10, '0')}#` } },
      ProjectionExpression: 'entry, #outcome',
      ExpressionAttributeNames: { '#outcome': 'outcome' },
    }));
    return (answer.Items ?? [])
      .filter((item) => item['outcome']?.M?.['status']?.S === 'accepted')
      .map((item) => item['entry']?.S ?? '');
  }
}
