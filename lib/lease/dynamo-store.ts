/**
 * The lease table in DynamoDB (strongly consistent in several Regions; see docs/lease.md for its keys).
 * Every read is strongly consistent and every request has a time-out far below the lease.
 */
import {
  ConditionalCheckFailedException, DeleteItemCommand, type DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand,
  ReplicatedWriteConflictException, UpdateItemCommand, type AttributeValue, type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import type { BookName, InstanceId, Lease, Registration } from './model.ts';
import type { BookState, Expectation, LeaseStore, LeaseWrite, WriteAnswer } from './store.ts';

export interface DynamoLeaseStoreOptions {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  readonly requestTimeoutMs?: number;
}

/** A fifth of the default lease: a holder whose request hangs has time for three more. */
const defaultRequestTimeoutMs = 1000;
/** A write in another Region came between; it was certainly not applied, and is sent again at once. */
const conflictAttemptsMax = 5;
const leaseItem = 'lease';
const standbyPrefix = 'standby#';

export class DynamoLeaseStore implements LeaseStore {
  readonly #client: DynamoDBClient;
  readonly #tableName: string;
  readonly #requestTimeoutMs: number;

  constructor(options: DynamoLeaseStoreOptions) {
    this.#client = options.client;
    this.#tableName = options.tableName;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? defaultRequestTimeoutMs;
  }

  async read(book: BookName): Promise<Lease | undefined> {
    const Key = { book: { S: book }, item: { S: leaseItem } };
    const answer = await this.#client.send(new GetItemCommand({ TableName: this.#tableName, Key, ConsistentRead: true }), this.#bound());
    return answer.Item === undefined ? undefined : toLease(answer.Item);
  }

  async readAll(book: BookName): Promise<BookState> {
    const items: Item[] = [];
    let from: Item | undefined;
    do {
      const page: QueryCommand = new QueryCommand({
        TableName: this.#tableName,
        KeyConditionExpression: '#book = :book',
        ExpressionAttributeNames: { '#book': 'book' },
        ExpressionAttributeValues: { ':book': { S: book } },
        ConsistentRead: true,
        ...(from === undefined ? {} : { ExclusiveStartKey: from }),
      });
      const answer = await this.#client.send(page, this.#bound());
      items.push(...(answer.Items ?? []));
      from = answer.LastEvaluatedKey;
    } while (from !== undefined);
    const lease = items.find((item) => item['item']?.S === leaseItem);
    const registrations = items.filter((item) => item['item']?.S?.startsWith(standbyPrefix)).map(toRegistration);
    return lease === undefined ? { registrations } : { lease: toLease(lease), registrations };
  }

  async write(write: LeaseWrite): Promise<WriteAnswer> {
    const command = new UpdateItemCommand(renderWrite(this.#tableName, write));
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await this.#client.send(command, this.#bound());
        return { outcome: 'applied', lease: toLease(answer.Attributes ?? {}) };
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) {
          return error.Item === undefined ? { outcome: 'refused' } : { outcome: 'refused', lease: toLease(error.Item) };
        }
        if (error instanceof ReplicatedWriteConflictException && attempt < conflictAttemptsMax) continue;
        return { outcome: 'ambiguous', error: error instanceof Error ? error : new Error(String(error)) };
      }
    }
  }

  async register(registration: Registration): Promise<void> {
    const { book, instance } = registration;
    const Item = { ...marshal(registration).M, item: { S: standbyPrefix + instance }, book: { S: book } };
    await this.#client.send(new PutItemCommand({ TableName: this.#tableName, Item }), this.#bound());
  }

  async deregister(book: BookName, instance: InstanceId): Promise<void> {
    const Key = { book: { S: book }, item: { S: standbyPrefix + instance } };
    await this.#client.send(new DeleteItemCommand({ TableName: this.#tableName, Key }), this.#bound());
  }

  #bound(): { abortSignal: AbortSignal } {
    return { abortSignal: AbortSignal.timeout(this.#requestTimeoutMs) };
  }
}

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

type Item = Record<string, AttributeValue>;

export function toLease(item: Item): Lease {
  const { item: _key, ...lease } = unmarshalMap(item);
  return lease as unknown as Lease;
}

function toRegistration(item: Item): Registration {
  const { item: _key, ...registration } = unmarshalMap(item);
  return registration as unknown as Registration;
}

function marshal(value: unknown): AttributeValue {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(value) };
  if (typeof value === 'boolean') return { BOOL: value };
  if (typeof value === 'object' && value !== null) {
    return { M: Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined).map(([key, v]) => [key, marshal(v)])) };
  }
  throw new Error(`the lease table holds text, numbers, booleans and maps; seen ${typeof value}`);
}

function unmarshal(value: AttributeValue): unknown {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return Number(value.N);
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.M !== undefined) return unmarshalMap(value.M);
  throw new Error(`the lease table holds text, numbers, booleans and maps; seen ${Object.keys(value).join(', ')}`);
}

function unmarshalMap(item: Item): Record<string, unknown> {
  return Object.fromEntries(Object.entries(item).map(([key, value]) => [key, unmarshal(value)]));
}
