/** A read replica in another Region: it streams, lags, is promoted, takes and gives up names. */
import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { rds, type RdsModel } from '../../../rehearsal/services/rds.ts';
import { until } from '../../until.ts';
import { useSite } from '../processes/site.ts';

const site = useSite();
const [east, west] = ['us-east-1', 'us-west-2'] as const;
const name = 'baton-dev';
const source = `arn:aws:rds:${east}:111111111111:db:${name}`;
const MasterUserPassword = 'correct-horse-battery';
const primary = {
  DBInstanceIdentifier: name, Engine: 'postgres', EngineVersion: '17.6', MasterUsername: 'baton', MasterUserPassword, DBName: 'trading',
  AllocatedStorage: '100', StorageEncrypted: true, BackupRetentionPeriod: 7,
};
const replica = { DBInstanceIdentifier: name, SourceDBInstanceIdentifier: source, KmsKeyId: 'alias/west' };
let world: CloudWorld;
let model: RdsModel;

beforeAll(async () => {
  const services = (made: CloudWorld) => [(model = rds(made, { ...site, directory: site.directory }))];
  world = createWorld({ seed: 1, accountId: '111111111111', regions: [east, west], services, provisioningMs: () => 200 });
  await create(east, primary);
  await query(east, 'CREATE TABLE orders (id int)');
  await create(west, replica);
});
afterAll(() => world?.close());

async function create(region: string, properties: Record<string, unknown>): Promise<void> {
  const type = 'AWS::RDS::DBInstance';
  await model.resources?.[type]?.({ type, logicalId: 'Thing', stackName: 'test', region, generatedName: 'test-Thing-1', properties });
}
const call = async (region: string, operation: string, input: Record<string, unknown>): Promise<any> =>
  world.call({ service: 'rds', operation, region, caller: world.operator.caller, input });
const described = async (region: string, identifier = name): Promise<any> =>
  (await call(region, 'DescribeDBInstances', { DBInstanceIdentifier: identifier })).DBInstances[0];
const available = (region: string, identifier = name): Promise<unknown> =>
  until(`${identifier} in ${region} is available`, async () =>
    (await described(region, identifier).catch(() => undefined))?.DBInstanceStatus === 'available');

async function query(region: string, sql: string, identifier = name): Promise<unknown[]> {
  const { endpoint, server } = model.running(region).get(identifier)!;
  const ca = readFileSync(server.caFile, 'utf8');
  const client = new Client({ ...endpoint, user: 'baton', password: MasterUserPassword, database: 'trading', ssl: { ca } });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
const arrives = (id: number): Promise<unknown> =>
  until(`row ${id} at the replica`, async () => (await query(west, `SELECT FROM orders WHERE id = ${id}`)).length === 1);

test('it has what its source has, with the same login, and takes no writes; each side names the other', async () => {
  await query(east, 'INSERT INTO orders VALUES (1)');
  await arrives(1);
  await expect(query(west, 'INSERT INTO orders VALUES (2)')).rejects.toThrow('read-only transaction');
  expect(await described(west)).toMatchObject({
    ReadReplicaSourceDBInstanceIdentifier: source, EngineVersion: '17.6', MasterUsername: 'baton', KmsKeyId: 'alias/west',
    StatusInfos: [{ StatusType: 'read replication', Normal: true, Status: 'replicating' }],
  });
  expect(await described(east)).toMatchObject({ ReadReplicaDBInstanceIdentifiers: [`arn:aws:rds:${west}:111111111111:db:${name}`] });
});

test('its lag is nothing while it follows, and grows while the stream is cut', async () => {
  await until('no lag', async () => (await model.replicaLagSeconds(west, name)) === 0);
  const restore = model.letReplicaLag(west, name, 400);
  await query(east, 'INSERT INTO orders VALUES (3)');
  expect(await model.replicaLagSeconds(west, name)).toBeGreaterThan(400);
  await until('a broken stream is told', async () => (await described(west)).StatusInfos[0].Status === 'error');
  expect(await query(west, 'SELECT FROM orders WHERE id = 3')).toEqual([]);
  restore();
  await arrives(3);
  await until('no lag again', async () => (await model.replicaLagSeconds(west, name)) === 0);
  expect(await model.replicaLagSeconds(east, name)).toBeUndefined();
});

test('its stream is cut while the Regions do not reach each other', async () => {
  const mend = world.cutLink(east, west);
  await query(east, 'INSERT INTO orders VALUES (30)');
  await until('a broken stream is told', async () => (await described(west)).StatusInfos[0].Status === 'error');
  expect(await query(west, 'SELECT FROM orders WHERE id = 30')).toEqual([]);
  mend();
  await arrives(30);
  await query(east, 'DELETE FROM orders WHERE id = 30');
});

test.each([
  ['a source that is not there', { ...replica, DBInstanceIdentifier: 'other', SourceDBInstanceIdentifier: `${source}-2` }, 'DBInstanceNotFoundFault'],
  ['no key of its own Region', { ...replica, DBInstanceIdentifier: 'other', KmsKeyId: undefined }, 'InvalidParameterCombination'],
  ['a name that is taken', replica, 'DBInstanceAlreadyExistsFault'],
])('CreateDBInstanceReadReplica refuses %s', async (_what, input, error) => {
  await expect(call(west, 'CreateDBInstanceReadReplica', input)).rejects.toMatchObject({ name: error });
});

test.each([
  ['PromoteReadReplica', east, {}, 'InvalidDBInstanceStateFault'],
  ['PromoteReadReplica', west, { BackupRetentionPeriod: 36 }, 'InvalidParameterValue'],
  ['ModifyDBInstance', west, { NewDBInstanceIdentifier: name, ApplyImmediately: true }, 'DBInstanceAlreadyExistsFault'],
  ['ModifyDBInstance', west, { MultiAZ: true }, 'NotImplemented'],
  ['ModifyDBInstance', west, { StorageType: 'io2', ApplyImmediately: true }, 'NotImplemented'],
])('%s in %s with %j is refused with %s', async (operation, region, input, error) => {
  await expect(call(region, operation, { DBInstanceIdentifier: name, ...input })).rejects.toMatchObject({ name: error });
});

test('backups that are turned on begin with one, and nothing is promoted meanwhile', async () => {
  await call(west, 'ModifyDBInstance', { DBInstanceIdentifier: name, BackupRetentionPeriod: 3, MultiAZ: true, ApplyImmediately: true });
  await until('the first backup', async () => (await described(west)).DBInstanceStatus === 'backing-up');
  await expect(call(west, 'PromoteReadReplica', { DBInstanceIdentifier: name })).rejects.toMatchObject({ name: 'InvalidDBInstanceStateFault' });
  await available(west);
  expect(await described(west)).toMatchObject({ MultiAZ: true, BackupRetentionPeriod: 3 });
});

test('the source is gone, the replica becomes the database; the old one comes back, leaves its name, and a replica of the new one takes it', async () => {
  await query(east, 'INSERT INTO orders VALUES (4)');
  await arrives(4);
  const { endpoint } = model.running(east).get(name)!;
  await model.regionLost?.(east);
  expect((await described(east)).DBInstanceStatus).toBe('failed');
  await call(west, 'PromoteReadReplica', { DBInstanceIdentifier: name, BackupRetentionPeriod: 7 });
  expect((await described(west)).DBInstanceStatus).toBe('modifying');
  await available(west);
  await query(west, 'INSERT INTO orders VALUES (5)');
  expect(await described(west)).toMatchObject({ BackupRetentionPeriod: 7 });
  expect(await described(west)).not.toHaveProperty('ReadReplicaSourceDBInstanceIdentifier');

  await model.regionBack?.(east);
  expect(await query(east, 'SELECT count(*)::int AS count FROM orders')).toEqual([{ count: 3 }]);
  await call(east, 'ModifyDBInstance', { DBInstanceIdentifier: name, NewDBInstanceIdentifier: `${name}-before`, ApplyImmediately: true });
  await available(east, `${name}-before`);
  await expect(described(east)).rejects.toMatchObject({ name: 'DBInstanceNotFoundFault' });
  const ofWest = { DBInstanceIdentifier: name, SourceDBInstanceIdentifier: source.replace(east, west), KmsKeyId: 'alias/east' };
  const { DBInstance } = await call(east, 'CreateDBInstanceReadReplica', ofWest);
  expect(DBInstance.DBInstanceStatus).toBe('creating');
  await available(east);
  expect(model.running(east).get(name)?.endpoint).toEqual(endpoint);
  expect(await query(east, 'SELECT count(*)::int AS count FROM orders')).toEqual([{ count: 4 }]);
  expect(await query(east, 'SELECT count(*)::int AS count FROM orders', `${name}-before`)).toEqual([{ count: 3 }]);
  await expect(query(east, 'INSERT INTO orders VALUES (6)')).rejects.toThrow('read-only transaction');
});
