/**
 * DynamoDB: tables with multi-Region strong consistency, one store shared by their replica Regions, and ordinary
 * ones. The world gives each call its latency and calls the model in the middle of it; the model judges and
 * writes without waiting, so a condition and its write are one instant, as they are for one item on AWS.
 */
import { AwsError, type Call, type OperationHandler, type ResourceRequest, type ServiceModel, type World } from '../cloud/model.ts';
import {
  ExpressionScope,
  parseCondition,
  parseKeyCondition,
  parseProjection,
  parseUpdate,
  type Condition,
} from './dynamodb-expressions.ts';
import { pageOf } from './pages.ts';
import { compare, stored, typeOf, type AttributeValue, type Item } from './dynamodb-values.ts';

export interface TableWrite {
  readonly table: string;
  readonly region: string;
  readonly operation: string;
  readonly at: Date;
  readonly before: Item | undefined;
  readonly after: Item | undefined;
}
export interface DynamoDb extends ServiceModel {
  /** Told of every write in the order in which they took effect. */
  onWrite(listener: (write: TableWrite) => void): void;
  /** All items of a table as they are now, outside of any call; of every Region's that has the name. */
  items(table: string): readonly Item[];
}

interface Table {
  readonly name: string;
  readonly arn: (region: string) => string;
  readonly id: string;
  readonly createdAt: Date;
  /** Replica Regions; the witness serves nobody. */
  readonly regions: readonly string[];
  readonly witness?: string;
  readonly stronglyConsistent: boolean;
  readonly hashKey: string;
  readonly rangeKey?: string;
  readonly attributeTypes: Readonly<Record<string, string>>;
  readonly deletionProtected: boolean;
  readonly items: Map<string, Item>;
}
interface Expressions {
  readonly ExpressionAttributeNames?: Record<string, string>;
  readonly ExpressionAttributeValues?: Record<string, AttributeValue>;
  readonly ConditionExpression?: string;
  readonly ReturnValues?: string;
  readonly ReturnValuesOnConditionCheckFailure?: string;
}
interface ReadInput extends Expressions {
  readonly KeyConditionExpression?: string;
  readonly FilterExpression?: string;
  readonly ProjectionExpression?: string;
  readonly ExclusiveStartKey?: Item;
  readonly Limit?: number;
  readonly ScanIndexForward?: boolean;
  readonly Select?: string;
  readonly IndexName?: string;
}

/** A page of a query or scan ends at 1 MB of items. */
const pageBytesMax = 1024 * 1024;
const itemBytesMax = 400 * 1024;
const tablePageMax = 100;

export function dynamodb(world: World): DynamoDb {
  /** Two Regions may have tables of one name that know nothing of each other. */
  const tables: Table[] = [];
  const listeners: Array<(write: TableWrite) => void> = [];

  function table(call: Call): Table {
    const named = (call.input as { TableName?: string }).TableName ?? '';
    const name = named.startsWith('arn:') ? (named.split('/').pop() ?? '') : named;
    const found = tables.find((each) => each.name === name && each.regions.includes(call.region));
    if (!found) throw new AwsError('ResourceNotFoundException', 'Requested resource not found');
    return found;
  }

  /** For what reads or writes items. */
  function readyTable(call: Call): Table {
    const found = table(call);
    if (!found.stronglyConsistent || hasQuorum(found, call.region)) return found;
    throw new AwsError('InternalServerError', 'Internal server error: the replica reaches neither of the other Regions', { fault: 'server' });
  }

  /** Of three, two must agree: a Region that reaches neither of the others can neither write nor read what is the latest. */
  function hasQuorum({ regions, witness }: Table, region: string): boolean {
    const others = [...regions, ...(witness === undefined ? [] : [witness])].filter((other) => other !== region);
    return others.some((other) => world.outageOf(other) !== 'dark' && world.areLinked(region, other));
  }

  function key(of: Table, values: Item): { readonly id: string; readonly key: Item } {
    const names = keyNames(of);
    if (Object.keys(values).length !== names.length || names.some((name) => values[name] === undefined)) throw mismatch();
    return keyIn(of, values);
  }

  function keyIn(of: Table, item: Item): { readonly id: string; readonly key: Item } {
    const pairs = keyNames(of).map((name) => {
      const value = item[name];
      if (value === undefined) throw invalid(`One or more parameter values were invalid: Missing the key ${name} in the item`);
      if (typeOf(value) !== of.attributeTypes[name]) {
        throw invalid(
          `One or more parameter values were invalid: Type mismatch for key ${name} expected: ` +
            `${of.attributeTypes[name]} actual: ${typeOf(value)}`,
        );
      }
      if ('S' in value && value.S === '') {
        throw invalid(
          'One or more parameter values are not valid. ' +
            `The AttributeValue for a key attribute cannot contain an empty string value. Key: ${name}`,
        );
      }
      return [name, stored(value)] as const;
    });
    return { id: JSON.stringify(pairs), key: Object.fromEntries(pairs) };
  }

  function write(of: Table, call: Call, id: string, after: Item | undefined): void {
    const before = of.items.get(id);
    if (after && byteLength(after) > itemBytesMax) throw invalid('Item size has exceeded the maximum allowed size');
    if (after) of.items.set(id, after);
    else of.items.delete(id);
    for (const listener of listeners) {
      listener({ table: of.name, region: call.region, operation: call.operation, at: world.now(), before, after });
    }
  }

  function refuseUnless(condition: Condition | undefined, item: Item | undefined, input: Expressions): void {
    if (!condition || condition(item ?? {})) return;
    const shown = input.ReturnValuesOnConditionCheckFailure === 'ALL_OLD' && item ? { Item: item } : {};
    throw new AwsError('ConditionalCheckFailedException', 'The conditional request failed', { data: shown });
  }

  function conditionOf(input: Expressions, scope: ExpressionScope): Condition | undefined {
    return input.ConditionExpression === undefined ? undefined : parseCondition('ConditionExpression', input.ConditionExpression, scope);
  }

  const scopeOf = (input: Expressions): ExpressionScope =>
    new ExpressionScope(input.ExpressionAttributeNames, input.ExpressionAttributeValues);

  const putItem: OperationHandler = (input: Expressions & { Item: Item }, call) => {
    const of = readyTable(call);
    const scope = scopeOf(input);
    const condition = conditionOf(input, scope);
    scope.refuseUnused();
    const item = Object.fromEntries(Object.entries(input.Item).map(([name, value]) => [name, stored(value)]));
    const { id } = keyIn(of, item);
    const before = of.items.get(id);
    refuseUnless(condition, before, input);
    write(of, call, id, item);
    return returned(input, ['NONE', 'ALL_OLD'], before, item, []);
  };

  const updateItem: OperationHandler = (input: Expressions & { Key: Item; UpdateExpression?: string }, call) => {
    const of = readyTable(call);
    const { id, key: keyValues } = key(of, input.Key);
    const scope = scopeOf(input);
    const update = input.UpdateExpression === undefined ? undefined : parseUpdate(input.UpdateExpression, scope);
    const condition = conditionOf(input, scope);
    scope.refuseUnused();
    for (const name of update?.attributes ?? []) {
      if (name in keyValues) {
        throw invalid(`One or more parameter values were invalid: Cannot update attribute ${name}. This attribute is part of the key`);
      }
    }
    const before = of.items.get(id);
    refuseUnless(condition, before, input);
    const after = { ...(update?.apply(before ?? keyValues) ?? before ?? keyValues), ...keyValues };
    write(of, call, id, after);
    return returned(input, ['NONE', 'ALL_OLD', 'ALL_NEW', 'UPDATED_OLD', 'UPDATED_NEW'], before, after, update?.attributes ?? []);
  };

  const deleteItem: OperationHandler = (input: Expressions & { Key: Item }, call) => {
    const of = readyTable(call);
    const { id } = key(of, input.Key);
    const scope = scopeOf(input);
    const condition = conditionOf(input, scope);
    scope.refuseUnused();
    const before = of.items.get(id);
    refuseUnless(condition, before, input);
    if (before) write(of, call, id, undefined);
    return returned(input, ['NONE', 'ALL_OLD'], before, undefined, []);
  };

  const getItem: OperationHandler = (input: ReadInput & { Key: Item }, call) => {
    const of = readyTable(call);
    const { id } = key(of, input.Key);
    const scope = scopeOf(input);
    const project = projectionOf(input, scope);
    scope.refuseUnused();
    const item = of.items.get(id);
    return item ? { Item: project(item) } : {};
  };

  function projectionOf(input: ReadInput, scope: ExpressionScope): (item: Item) => Item {
    return input.ProjectionExpression === undefined ? (item) => item : parseProjection(input.ProjectionExpression, scope);
  }

  /** One page: the matching items in order, from the start key, up to the limit or 1 MB. */
  function page(of: Table, input: ReadInput, scope: ExpressionScope, matches: Condition): Record<string, unknown> {
    const filter = input.FilterExpression === undefined ? undefined : parseCondition('FilterExpression', input.FilterExpression, scope);
    const project = projectionOf(input, scope);
    scope.refuseUnused();
    if (input.Limit !== undefined && input.Limit < 1) {
      throw invalid(
        "1 validation error detected: Value at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
      );
    }
    const forward = input.ScanIndexForward !== false;
    const ordered = [...of.items.values()].filter(matches).sort((a, b) => (forward ? 1 : -1) * compareKeys(of, a, b));
    const from = input.ExclusiveStartKey && key(of, input.ExclusiveStartKey).key;
    const rest = from ? ordered.filter((item) => (forward ? 1 : -1) * compareKeys(of, item, from) > 0) : ordered;
    const examined: Item[] = [];
    let bytes = 0;
    for (const item of rest) {
      if (examined.length === input.Limit || bytes >= pageBytesMax) break;
      examined.push(item);
      bytes += byteLength(item);
    }
    const found = filter ? examined.filter(filter) : examined;
    const last = examined.at(-1);
    const more =
      last && (examined.length < rest.length || examined.length === input.Limit) ? { LastEvaluatedKey: keyIn(of, last).key } : {};
    const items = input.Select === 'COUNT' ? {} : { Items: found.map(project) };
    return { ...items, Count: found.length, ScannedCount: examined.length, ...more };
  }

  const query: OperationHandler = (input: ReadInput, call) => {
    const of = readyTable(call);
    if (input.IndexName !== undefined) throw invalid(`The table does not have the specified index: ${input.IndexName}`);
    const scope = scopeOf(input);
    if (input.KeyConditionExpression === undefined) {
      throw invalid('Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.');
    }
    const clauses = parseKeyCondition(input.KeyConditionExpression, scope);
    if (!clauses.some(({ attribute, operator }) => attribute === of.hashKey && operator === '=')) {
      throw invalid(
        clauses.some(({ attribute }) => attribute === of.hashKey)
          ? 'Query key condition not supported'
          : `Query condition missed key schema element: ${of.hashKey}`,
      );
    }
    const foreign = clauses.find(({ attribute }) => !keyNames(of).includes(attribute));
    if (foreign) throw invalid(`Query condition missed key schema element: ${of.rangeKey ?? of.hashKey}`);
    if (clauses.length > keyNames(of).length) throw invalid('KeyConditionExpressions must only contain one condition per key');
    return page(of, input, scope, (item) => clauses.every(({ holds }) => holds(item)));
  };

  const scan: OperationHandler = (input: ReadInput, call) => page(readyTable(call), input, scopeOf(input), () => true);

  const describeTable: OperationHandler = (_input, call) => {
    const of = table(call);
    const others = of.regions.filter((region) => region !== call.region);
    return {
      Table: {
        TableName: of.name,
        TableArn: of.arn(call.region),
        TableId: of.id,
        TableStatus: 'ACTIVE',
        CreationDateTime: of.createdAt,
        KeySchema: keyNames(of).map((name) => ({ AttributeName: name, KeyType: name === of.hashKey ? 'HASH' : 'RANGE' })),
        AttributeDefinitions: keyNames(of).map((name) => ({ AttributeName: name, AttributeType: of.attributeTypes[name] })),
        BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
        ItemCount: of.items.size,
        DeletionProtectionEnabled: of.deletionProtected,
        ...(of.stronglyConsistent ? { MultiRegionConsistency: 'STRONG' } : {}),
        ...(of.regions.length > 1
          ? { Replicas: others.map((RegionName) => ({ RegionName, ReplicaStatus: 'ACTIVE' })), GlobalTableVersion: '2019.11.21' }
          : {}),
        ...(of.witness ? { GlobalTableWitnesses: [{ RegionName: of.witness, WitnessStatus: 'ACTIVE' }] } : {}),
      },
    };
  };

  const transaction: OperationHandler = (input: Record<string, unknown>, call) => {
    const entries = (input['TransactItems'] ?? []) as ReadonlyArray<Record<string, { TableName?: string }>>;
    for (const { TableName } of entries.flatMap((entry) => Object.values(entry))) {
      if (table({ ...call, input: { TableName } }).stronglyConsistent) {
        throw invalid('Transactional operations are not supported on a table with multi-Region strong consistency');
      }
    }
    throw new AwsError('NotImplemented', `dynamodb:${call.operation} is not modelled: the system uses no transactions`, {
      fault: 'server',
    });
  };

  /** AWS::DynamoDB::GlobalTable */
  function createGlobalTable({ properties, generatedName, region }: ResourceRequest) {
    const replicas = (properties['Replicas'] ?? []) as ReadonlyArray<{ Region: string; DeletionProtectionEnabled?: boolean | string }>;
    const schema = properties['KeySchema'] as ReadonlyArray<{ AttributeName: string; KeyType: 'HASH' | 'RANGE' }>;
    const definitions = properties['AttributeDefinitions'] as ReadonlyArray<{ AttributeName: string; AttributeType: string }>;
    const witness = (properties['GlobalTableWitnesses'] as ReadonlyArray<{ Region: string }> | undefined)?.[0]?.Region;
    const strong = properties['MultiRegionConsistency'] === 'STRONG';
    const regions = replicas.map(({ Region }) => Region);
    const name = String(properties['TableName'] ?? generatedName);
    if (tables.some((each) => each.name === name && each.regions.some((taken) => regions.includes(taken)))) throw new AwsError('ResourceInUseException', `Table already exists: ${name}`);
    if (strong && (regions.length + (witness ? 1 : 0) !== 3 || !regions.includes(region))) {
      throw invalid(
        'a table with multi-Region strong consistency has three replicas, or two and a witness; ' +
          `'${name}' has ${regions.join(', ')} and ${witness ?? 'no witness'}`,
      );
    }
    if (strong && properties['TimeToLiveSpecification'] !== undefined) {
      throw invalid(`Time to live is not supported on a table with multi-Region strong consistency ('${name}')`);
    }
    const rangeKey = schema.find(({ KeyType }) => KeyType === 'RANGE')?.AttributeName;
    const arn = (of: string): string => `arn:aws:dynamodb:${of}:${world.accountId}:table/${name}`;
    const made: Table = {
      name,
      arn,
      id: world.uniqueId(32),
      createdAt: world.now(),
      regions,
      ...(witness === undefined ? {} : { witness }),
      stronglyConsistent: strong,
      hashKey: schema.find(({ KeyType }) => KeyType === 'HASH')?.AttributeName ?? '',
      ...(rangeKey === undefined ? {} : { rangeKey }),
      attributeTypes: Object.fromEntries(definitions.map(({ AttributeName, AttributeType }) => [AttributeName, AttributeType])),
      deletionProtected: replicas.some(({ DeletionProtectionEnabled }) => String(DeletionProtectionEnabled) === 'true'),
      items: new Map(),
    };
    tables.push(made);
    return {
      ref: name,
      attributes: { Arn: arn(region), TableId: made.id, StreamArn: `${arn(region)}/stream/${world.now().toISOString()}` },
    };
  }

  return {
    service: 'dynamodb',
    operations: {
      PutItem: putItem,
      UpdateItem: updateItem,
      DeleteItem: deleteItem,
      GetItem: getItem,
      Query: query,
      Scan: scan,
      DescribeTable: describeTable,
      ListTables: ({ ExclusiveStartTableName: after, Limit }: { ExclusiveStartTableName?: string; Limit?: number }, call) => {
        const names = tables.filter(({ regions }) => regions.includes(call.region)).map(({ name }) => name);
        const rest = names.sort().filter((name) => after === undefined || name > after);
        const { elements, next } = pageOf(rest, { token: undefined, size: Limit, sizeMax: tablePageMax, keyOf: (name) => name });
        return { TableNames: elements, ...(next === undefined ? {} : { LastEvaluatedTableName: elements.at(-1) }) };
      },
      TransactWriteItems: transaction,
      TransactGetItems: transaction,
      UpdateTimeToLive: (_input, call) => {
        if (table(call).stronglyConsistent) throw invalid('Time to live is not supported on a table with multi-Region strong consistency');
        throw new AwsError('NotImplemented', 'dynamodb:UpdateTimeToLive is not modelled: the system uses none', { fault: 'server' });
      },
    },
    resources: { 'AWS::DynamoDB::GlobalTable': createGlobalTable },
    onWrite(listener) {
      listeners.push(listener);
    },
    items(name) {
      const found = tables.filter((each) => each.name === name);
      if (found.length === 0) throw new Error(`no table is called '${name}' (there are: ${tables.map((each) => each.name).join(', ') || 'none'})`);
      return found.flatMap(({ items }) => [...items.values()]);
    },
  };
}

function keyNames(of: Table): readonly string[] {
  return of.rangeKey === undefined ? [of.hashKey] : [of.hashKey, of.rangeKey];
}

function compareKeys(of: Table, a: Item, b: Item): number {
  for (const name of keyNames(of)) {
    const order = compare(a[name] as AttributeValue, b[name] as AttributeValue) ?? 0;
    if (order !== 0) return order;
  }
  return 0;
}

function returned(
  input: Expressions,
  allowed: readonly string[],
  before: Item | undefined,
  after: Item | undefined,
  updated: readonly string[],
): Record<string, unknown> {
  const asked = input.ReturnValues ?? 'NONE';
  if (!allowed.includes(asked)) throw invalid(`Return values set to invalid value: ${asked}`);
  const touched = (item: Item | undefined): Item | undefined =>
    item && Object.fromEntries(Object.entries(item).filter(([name]) => updated.includes(name)));
  const attributes = { ALL_OLD: before, ALL_NEW: after, UPDATED_OLD: touched(before), UPDATED_NEW: touched(after), NONE: undefined }[asked];
  return attributes && Object.keys(attributes).length > 0 ? { Attributes: attributes } : {};
}

/** A write puts another item in the place of one, so what an item's size was, it is. */
const byteLengths = new WeakMap<Item, number>();

function byteLength(item: Item): number {
  const known = byteLengths.get(item) ?? Buffer.byteLength(JSON.stringify(item));
  byteLengths.set(item, known);
  return known;
}

function mismatch(): AwsError {
  return invalid('The provided key element does not match the schema');
}

function invalid(message: string): AwsError {
  return new AwsError('ValidationException', message);
}
