/**
 * A write of the lease in DynamoDB's words. It imports no client, so that a state machine can send the same write
 * without a function in between: then the values are expressions, and the rest is what the tests have seen.
 */
import type { AttributeValue, UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import type { Expectation, LeaseWrite } from './store.ts';

/** The sort key of the lease itself, beside those of the registrations. */
export const leaseItem = 'lease';

/** The one place where a write becomes DynamoDB's words. */
export function renderWrite(tableName: string, write: LeaseWrite): UpdateItemCommandInput {
  const names: Record<string, string> = {};
  const values: Record<string, AttributeValue> = {};
  const nameOf = (path: string): string =>
    path
      .split('.')
      .map((part) => {
        names[`#${part}`] = part;
        return `#${part}`;
      })
      .join('.');
  const valueOf = (value: unknown): string => {
    const name = `:v${Object.keys(values).length}`;
    values[name] = marshal(value);
    return name;
  };
  const condition = (expectation: Expectation): string => {
    const name = nameOf(expectation.path);
    if ('absent' in expectation) return `attribute_not_exists(${name})`;
    if ('present' in expectation) return `attribute_exists(${name})`;
    return 'equals' in expectation ? `${name} = ${valueOf(expectation.equals)}` : `${name} <> ${valueOf(expectation.differs)}`;
  };
  const sets = Object.entries(write.set ?? {}).map(([path, value]) => `${nameOf(path)} = ${valueOf(value)}`);
  if (write.beat) sets.push(`${nameOf('heartbeat')} = ${nameOf('heartbeat')} + ${valueOf(1)}`);
  const removes = (write.remove ?? []).map(nameOf);
  const update = [sets.length > 0 ? `SET ${sets.join(', ')}` : '', removes.length > 0 ? `REMOVE ${removes.join(', ')}` : ''];
  const ConditionExpression = write.expects.map(condition).join(' AND ');
  return {
    TableName: tableName,
    Key: { book: { S: write.book }, item: { S: leaseItem } },
    UpdateExpression: update.filter((part) => part !== '').join(' '),
    ConditionExpression,
    ExpressionAttributeNames: names,
    ...(Object.keys(values).length > 0 ? { ExpressionAttributeValues: values } : {}),
    ReturnValues: 'ALL_NEW',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  };
}


export function marshal(value: unknown): AttributeValue {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(value) };
  if (typeof value === 'boolean') return { BOOL: value };
  if (typeof value === 'object' && value !== null) {
    return { M: Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined).map(([key, v]) => [key, marshal(v)])) };
  }
  throw new Error(`the lease table holds text, numbers, booleans and maps; seen ${typeof value}`);
}
