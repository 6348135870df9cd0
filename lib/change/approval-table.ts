/**
 * The approvals in DynamoDB: one item for each execution, its record as one text, its version the condition of every
 * write. The items stay: they say who approved what, when the executions are long forgotten.
 */
import { ConditionalCheckFailedException, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { ApprovalsUnreachableError, type ApprovalRecord, type ApprovalStore } from './approvals.ts';
import type { AgreedBill } from './bill-gate.ts';

export function approvalTable(client: DynamoDBClient, tableName: string): ApprovalStore {
  return {
    async read(execution) {
      const command = new GetItemCommand({ TableName: tableName, Key: { execution: { S: execution } }, ConsistentRead: true });
      const { Item } = await client.send(command).catch(unreachable);
      return Item && { record: JSON.parse(Item['record']?.S ?? '') as ApprovalRecord, version: Number(Item['version']?.N) };
    },
    async write(execution, record, version) {
      try {
        await client.send(
          new PutItemCommand({
            TableName: tableName,
            Item: { execution: { S: execution }, version: { N: String((version ?? 0) + 1) }, record: { S: JSON.stringify(record) } },
            ...(version === undefined
              ? { ConditionExpression: 'attribute_not_exists(execution)' }
              : { ConditionExpression: 'version = :version', ExpressionAttributeValues: { ':version': { N: String(version) } } }),
          }),
        );
        return true;
      } catch (error) {
        // It may be this very write, whose answer was lost: who reads it again sees what it changed.
        if (error instanceof ConditionalCheckFailedException) return false;
        return unreachable(error);
      }
    },
  };
}

/** Of the whole environment, beside the executions, none of which has such a name. */
const billKey = { execution: { S: 'the bill' } };

export function agreedBill(client: DynamoDBClient, tableName: string): AgreedBill {
  return {
    async read() {
      const { Item } = await client.send(new GetItemCommand({ TableName: tableName, Key: billKey, ConsistentRead: true })).catch(unreachable);
      return Item && Number(Item['usdMonthly']?.N);
    },
    async write(usd) {
      await client.send(new PutItemCommand({ TableName: tableName, Item: { ...billKey, usdMonthly: { N: usd.toFixed(2) } } })).catch(unreachable);
    },
  };
}

function unreachable(error: unknown): never {
  throw new ApprovalsUnreachableError(`The table of approvals does not answer: ${(error as Error).name}. Try again.`);
}
