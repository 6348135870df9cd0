/**
 * The lease table in DynamoDB (strongly consistent in several Regions; see docs/lease.md for its keys).
 * Every read is strongly consistent and every request has a time-out far below the lease.
 */
import {
  ConditionalCheckFailedException, DeleteItemCommand, type DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand,
  ReplicatedWriteConflictException, UpdateItemCommand, type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import type { BookName, InstanceId, Lease, Registration } from './model.ts';
import type { BookState, LeaseStore, LeaseWrite, WriteAnswer } from './store.ts';
import { leaseItem, marshal, renderWrite } from './update.ts';

export interface DynamoLeaseStoreOptions {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  readonly requestTimeoutMs?: number;
}

/** A fifth of the default lease: a holder whose request hangs has time for three more. */
const defaultRequestTimeoutMs = 1000;
/** A write in another Region came between; it was certainly not applied, and is sent again at once. */
const conflictAttemptsMax = 5;
const standbyPrefix = 'standby#';
/** Which version of the venue's key is current. */
const keyItem = 'venue-key';

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
    const announcedKey = items.find((item) => item['item']?.S === keyItem)?.['version']?.S;
    return { registrations, ...(lease !== undefined && { lease: toLease(lease) }), ...(announcedKey !== undefined && { announcedKey }) };
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

  async announceKey(book: BookName, version: string): Promise<void> {
    const Item = { book: { S: book }, item: { S: keyItem }, version: { S: version } };
    await this.#client.send(new PutItemCommand({ TableName: this.#tableName, Item }), this.#bound());
  }

  #bound(): { abortSignal: AbortSignal } {
    return { abortSignal: AbortSignal.timeout(this.#requestTimeoutMs) };
  }
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
