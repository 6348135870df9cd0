import {
  ConditionalCheckFailedException, DeleteItemCommand, DescribeTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand,
  ResourceNotFoundException, ScanCommand, TransactWriteItemsCommand, UpdateItemCommand, UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { startFront, type Front } from '../../../rehearsal/cloud/front.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { dynamodb, type DynamoDb, type TableWrite } from '../../../rehearsal/services/dynamodb.ts';

let world: CloudWorld;
let front: Front;
let tables: DynamoDb;
const writes: TableWrite[] = [];
const clients = new Map<string, DynamoDBClient>();
const TableName = 'lease';

beforeAll(async () => {
  world = createWorld({
    seed: 3, accountId: '111122223333', regions: ['us-east-1', 'us-west-2', 'us-east-2'],
    services: (inner) => [(tables = dynamodb(inner))], latencies: { dynamodbReadMs: 1, dynamodbWriteMs: 2 },
  });
  front = await startFront(world);
  for (const region of world.regions) {
    clients.set(region, new DynamoDBClient({ region, endpoint: front.endpoint, credentials: world.operator.credentials, maxAttempts: 1 }));
  }
  await create({});
  tables.onWrite((write) => writes.push(write));
});
afterAll(async () => {
  for (const client of clients.values()) client.destroy();
  await front.close();
  await world.close();
});

const east = (): DynamoDBClient => clients.get('us-east-1') as DynamoDBClient;
const west = (): DynamoDBClient => clients.get('us-west-2') as DynamoDBClient;
const Key = (book: string, item = 'lease') => ({ book: { S: book }, item: { S: item } });

async function create(changes: Record<string, unknown>) {
  return tables.resources?.['AWS::DynamoDB::GlobalTable']?.({
    type: 'AWS::DynamoDB::GlobalTable',
    logicalId: 'T',
    stackName: 's',
    region: 'us-east-1',
    generatedName: 's-T-1',
    properties: {
      TableName,
      MultiRegionConsistency: 'STRONG',
      Replicas: [{ Region: 'us-east-1' }, { Region: 'us-west-2' }],
      GlobalTableWitnesses: [{ Region: 'us-east-2' }],
      KeySchema: [
        { AttributeName: 'book', KeyType: 'HASH' },
        { AttributeName: 'item', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'book', AttributeType: 'S' },
        { AttributeName: 'item', AttributeType: 'S' },
      ],
      ...changes,
    },
  });
}

test('one item for both replica Regions, none in the witness', async () => {
  await east().send(new PutItemCommand({ TableName, Item: { ...Key('a'), epoch: { N: '1.0' }, raw: { B: new Uint8Array([7]) } } }));
  const { Item } = await west().send(new GetItemCommand({ TableName, Key: Key('a'), ConsistentRead: true }));
  expect(Item).toEqual({ ...Key('a'), epoch: { N: '1' }, raw: { B: new Uint8Array([7]) } });
  await expect((clients.get('us-east-2') as DynamoDBClient).send(new GetItemCommand({ TableName, Key: Key('a') }))).rejects.toBeInstanceOf(
    ResourceNotFoundException,
  );
  expect(await west().send(new GetItemCommand({ TableName, Key: Key('nobody') }))).not.toHaveProperty('Item');
});

test('a refused condition shows the item as it is', async () => {
  await east().send(new PutItemCommand({ TableName, Item: { ...Key('b'), epoch: { N: '4' }, bytes: { B: new Uint8Array([1]) } } }));
  const refused = await west()
    .send(new UpdateItemCommand({
      TableName, Key: Key('b'), UpdateExpression: 'SET epoch = epoch + :one', ConditionExpression: 'epoch = :seen',
      ExpressionAttributeValues: { ':one': { N: '1' }, ':seen': { N: '3' } }, ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    }))
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ConditionalCheckFailedException);
  expect((refused as ConditionalCheckFailedException).Item).toEqual({ ...Key('b'), epoch: { N: '4' }, bytes: { B: new Uint8Array([1]) } });
});

test('of many that would take the same epoch from both Regions, one does', async () => {
  await east().send(new PutItemCommand({ TableName, Item: { ...Key('race'), epoch: { N: '0' } } }));
  const attempts = Array.from({ length: 20 }, (_unused, index) =>
    (index % 2 === 0 ? east() : west()).send(new UpdateItemCommand({
      TableName, Key: Key('race'), UpdateExpression: 'SET epoch = :next, holder = :me', ConditionExpression: 'epoch = :seen',
      ExpressionAttributeValues: { ':next': { N: '1' }, ':seen': { N: '0' }, ':me': { S: String(index) } }, ReturnValues: 'ALL_NEW',
    })),
  );
  const outcomes = await Promise.allSettled(attempts);
  const winners = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.Attributes] : []));
  expect(winners).toHaveLength(1);
  const grants = writes.filter(({ before, after }) => after?.['book'] && 'S' in after['book'] && after['book'].S === 'race' && before);
  expect(grants.map(({ after }) => after)).toEqual(winners);
});

test('what an update returns, and what it refuses', async () => {
  const update = (ReturnValues: 'ALL_OLD' | 'ALL_NEW' | 'UPDATED_OLD' | 'UPDATED_NEW' | 'NONE', n: string) =>
    east().send(
      new UpdateItemCommand({
        TableName,
        Key: Key('r'),
        UpdateExpression: 'SET n = :n',
        ExpressionAttributeValues: { ':n': { N: n } },
        ReturnValues,
      }),
    );
  expect((await update('ALL_NEW', '1')).Attributes).toEqual({ ...Key('r'), n: { N: '1' } });
  expect((await update('UPDATED_OLD', '2')).Attributes).toEqual({ n: { N: '1' } });
  expect((await update('UPDATED_NEW', '3')).Attributes).toEqual({ n: { N: '3' } });
  expect((await update('ALL_OLD', '4')).Attributes).toEqual({ ...Key('r'), n: { N: '3' } });
  expect((await update('NONE', '5')).Attributes).toBeUndefined();
  const refuse = (input: ConstructorParameters<typeof UpdateItemCommand>[0]) =>
    east()
      .send(new UpdateItemCommand(input))
      .catch((error: Error) => `${error.name}: ${error.message}`);
  expect(await refuse({ TableName, Key: { book: { S: 'x' } } })).toBe(
    'ValidationException: The provided key element does not match the schema',
  );
  expect(
    await refuse({ TableName, Key: Key('x'), UpdateExpression: 'SET book = :b', ExpressionAttributeValues: { ':b': { S: 'y' } } }),
  ).toContain('Cannot update attribute book. This attribute is part of the key');
  expect(await refuse({ TableName, Key: Key(''), UpdateExpression: 'REMOVE n' })).toContain('cannot contain an empty string value');
  expect(await refuse({ TableName, Key: Key('x'), UpdateExpression: 'REMOVE n', ExpressionAttributeNames: { '#u': 'u' } })).toContain(
    'unused in expressions: keys: {#u}',
  );
});

test('queries: order, prefix, pages, filter', async () => {
  for (const entry of ['3', '1', '2', '10']) {
    await east().send(new PutItemCommand({ TableName, Item: { ...Key('q', `e#${entry}`), n: { N: entry } } }));
  }
  const ask = (more: object) =>
    east().send(
      new QueryCommand({
        TableName,
        ConsistentRead: true,
        KeyConditionExpression: 'book = :b AND begins_with(#item, :p)',
        ExpressionAttributeNames: { '#item': 'item' },
        ExpressionAttributeValues: { ':b': { S: 'q' }, ':p': { S: 'e#' } },
        ...more,
      }),
    );
  const names = ({ Items = [] }: { Items?: Array<Record<string, { S?: string }>> | undefined }) => Items.map(({ item }) => item?.S);
  expect(names(await ask({}) as never)).toEqual(['e#1', 'e#10', 'e#2', 'e#3']);
  expect(names(await ask({ ScanIndexForward: false, Limit: 1 }) as never)).toEqual(['e#3']);
  const first = await ask({ Limit: 3 });
  const second = await ask({ Limit: 3, ExclusiveStartKey: first.LastEvaluatedKey });
  expect([...names(first as never), ...names(second as never)]).toEqual(['e#1', 'e#10', 'e#2', 'e#3']);
  expect(second.LastEvaluatedKey).toBeUndefined();
  const filtered = await ask({
    FilterExpression: 'n > :two',
    ExpressionAttributeValues: { ':b': { S: 'q' }, ':p': { S: 'e#' }, ':two': { N: '2' } },
    ProjectionExpression: 'n',
  });
  expect(filtered).toMatchObject({ Count: 2, ScannedCount: 4, Items: [{ n: { N: '10' } }, { n: { N: '3' } }] });
  await expect(ask({ KeyConditionExpression: '#item = :p', ExpressionAttributeValues: { ':p': { S: 'x' } } })).rejects.toThrow(
    'Query condition missed key schema element: book',
  );
  const { Attributes } = await east().send(new DeleteItemCommand({ TableName, Key: Key('q', 'e#3'), ReturnValues: 'ALL_OLD' }));
  expect(Attributes).toEqual({ ...Key('q', 'e#3'), n: { N: '3' } });
  expect(
    (await east().send(new ScanCommand({ TableName, FilterExpression: 'book = :q', ExpressionAttributeValues: { ':q': { S: 'q' } } })))
      .Count,
  ).toBe(3);
});

test('what a strongly consistent table refuses', async () => {
  await expect(east().send(new TransactWriteItemsCommand({ TransactItems: [{ Put: { TableName, Item: Key('t') } }] }))).rejects.toThrow(
    'Transactional operations are not supported',
  );
  await expect(
    east().send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true } })),
  ).rejects.toThrow('Time to live is not supported');
  await expect(create({ TableName: 'two', GlobalTableWitnesses: [] })).rejects.toThrow('has three replicas, or two and a witness');
  await expect(create({ TableName: 'ttl', TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true } })).rejects.toThrow(
    'Time to live is not supported',
  );
  const { Table } = await west().send(new DescribeTableCommand({ TableName }));
  expect(Table).toMatchObject({
    TableStatus: 'ACTIVE',
    MultiRegionConsistency: 'STRONG',
    Replicas: [{ RegionName: 'us-east-1' }],
    GlobalTableWitnesses: [{ RegionName: 'us-east-2' }],
  });
});

test('of three Regions two must agree: who reaches neither of the others can neither write nor read, until it does', async () => {
  const write = (from: DynamoDBClient) => from.send(new PutItemCommand({ TableName, Item: Key('quorum') }));
  const read = (from: DynamoDBClient) => from.send(new GetItemCommand({ TableName, Key: Key('quorum'), ConsistentRead: true }));
  await write(east());
  const links = [world.cutLink('us-east-1', 'us-west-2'), world.cutLink('us-east-2', 'us-east-1')];
  for (const refused of [write, read]) await expect(refused(east())).rejects.toMatchObject({ name: 'InternalServerError' });
  expect((await read(west())).Item).toEqual(Key('quorum'));
  await write(west());
  links.pop()?.();
  expect((await read(east())).Item).toEqual(Key('quorum'));
  links.pop()?.();

  // The standby loses the witness: alone that is nothing, with the home gone it is all.
  const witness = world.cutLink('us-west-2', 'us-east-2');
  await write(west());
  await world.darken('us-east-1');
  await expect(write(west())).rejects.toMatchObject({ name: 'InternalServerError' });
  witness();
  await write(west());
  await world.relight('us-east-1');
});
