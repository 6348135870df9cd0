/**
 * Which notices people were told, and which somebody is telling: one item for each, for ever. Who is telling has it for as long as a
 * function may run; after that whoever comes next takes it over, for the first has died.
 */
import { ConditionalCheckFailedException, DeleteItemCommand, type DynamoDBClient, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';

export type Claim = 'mine' | 'told' | 'being told';

export interface ToldStore {
  /** @param attempt a name that no other delivery has */
  claim(notice: string, attempt: string, nowMs: number): Promise<Claim>;
  /** Nobody was reached: whoever comes next need not wait. */
  release(notice: string, attempt: string): Promise<void>;
  told(notice: string, attempt: string, by: string): Promise<void>;
}

/** A function that tells runs for a minute at the longest. */
export const claimMs = 65_000;

export function toldTable(client: DynamoDBClient, TableName: string): ToldStore {
  const mine = (notice: string, attempt: string) => ({
    TableName, Key: { notice: { S: notice } }, ConditionExpression: 'attempt = :mine', ExpressionAttributeValues: { ':mine': { S: attempt } },
  });
  return {
    async claim(notice, attempt, nowMs) {
      try {
        await client.send(new PutItemCommand({
          TableName,
          Item: { notice: { S: notice }, attempt: { S: attempt }, claimedAtMs: { N: String(nowMs) } },
          ConditionExpression: 'attribute_not_exists(notice) OR (attribute_not_exists(toldBy) AND claimedAtMs < :before)',
          ExpressionAttributeValues: { ':before': { N: String(nowMs - claimMs) } },
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }));
        return 'mine';
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
        return error.Item?.['toldBy'] === undefined ? 'being told' : 'told';
      }
    },
    async release(notice, attempt) {
      await unlessLost(client.send(new DeleteItemCommand(mine(notice, attempt))));
    },
    async told(notice, attempt, by) {
      const { ExpressionAttributeValues, ...own } = mine(notice, attempt);
      await unlessLost(client.send(new UpdateItemCommand({
        ...own, UpdateExpression: 'SET toldBy = :by', ExpressionAttributeValues: { ...ExpressionAttributeValues, ':by': { S: by } },
      })));
    },
  };
}

/** Somebody took it over meanwhile: it is theirs. */
async function unlessLost(write: Promise<unknown>): Promise<void> {
  await write.catch((error: unknown) => {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
  });
}
