import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Client } from 'pg';

import type { CreatedResource } from '../../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { rds, type RdsModel } from '../../../rehearsal/services/rds.ts';
import { useSite } from '../processes/site.ts';

const site = useSite();
const region = 'us-east-1';
const MasterUserPassword = 'correct-horse-battery';
const properties = {
  Engine: 'postgres',
  EngineVersion: '17.6',
  MasterUsername: 'baton',
  MasterUserPassword,
  DBName: 'trading',
  AllocatedStorage: '100',
  MultiAZ: true,
};
let world: CloudWorld;
let model: RdsModel;
let database: CreatedResource;

beforeAll(async () => {
  const services = (made: CloudWorld) => [(model = rds(made, { ...site, directory: site.directory }))];
  world = createWorld({ seed: 1, accountId: '111111111111', regions: [region], services });
  database = await create('AWS::RDS::DBInstance', { ...properties, DBInstanceIdentifier: 'Baton-Dev' });
});
afterAll(() => world?.close());

async function create(type: string, given: Record<string, unknown>): Promise<CreatedResource> {
  const handler = model.resources?.[type];
  if (!handler) throw new Error(`no handler for ${type}`);
  return handler({ type, logicalId: 'Thing', stackName: 'test', region, generatedName: 'test-Thing-1', properties: given });
}
const call = async (operation: string, input: Record<string, unknown>): Promise<any> =>
  world.call({ service: 'rds', operation, region, caller: world.operator.caller, input });

test('an instance is a PostgreSQL that its endpoint, user and password lead to', async () => {
  expect(database.ref).toBe('baton-dev');
  expect(database.attributes['DBInstanceArn']).toBe('arn:aws:rds:us-east-1:111111111111:db:baton-dev');
  const running = model.running(region).get('baton-dev');
  const client = new Client({
    host: String(database.attributes['Endpoint.Address']),
    port: Number(database.attributes['Endpoint.Port']),
    user: 'baton',
    password: MasterUserPassword,
    database: 'trading',
    ssl: { ca: readFileSync(running?.server.caFile ?? '', 'utf8') },
  });
  await client.connect();
  expect((await client.query('SELECT current_database()')).rows).toEqual([{ current_database: 'trading' }]);
  await client.end();
  const { DBInstances } = await call('DescribeDBInstances', { DBInstanceIdentifier: 'baton-dev' });
  expect(DBInstances[0]).toMatchObject({
    DBInstanceStatus: 'available',
    MultiAZ: true,
    AllocatedStorage: 100,
    Endpoint: { Port: running?.endpoint.port },
  });
  expect(JSON.stringify(DBInstances)).not.toContain(MasterUserPassword);
});

test('a snapshot is creating, then available; its name is taken; then it can be deleted', async () => {
  const name = { DBSnapshotIdentifier: 'cutover-1' };
  const { DBSnapshot } = await call('CreateDBSnapshot', { ...name, DBInstanceIdentifier: 'baton-dev' });
  expect(DBSnapshot).toMatchObject({ Status: 'creating', DBSnapshotArn: 'arn:aws:rds:us-east-1:111111111111:snapshot:cutover-1' });
  await expect(call('CreateDBSnapshot', { ...name, DBInstanceIdentifier: 'baton-dev' })).rejects.toMatchObject({
    name: 'DBSnapshotAlreadyExistsFault',
  });
  // RDS makes one at a time.
  await expect(call('CreateDBSnapshot', { DBSnapshotIdentifier: 'cutover-2', DBInstanceIdentifier: 'baton-dev' })).rejects.toMatchObject({ name: 'InvalidDBInstanceStateFault' });
  expect((await call('DescribeDBInstances', {})).DBInstances[0].DBInstanceStatus).toBe('backing-up');
  await expect(call('DeleteDBSnapshot', name)).rejects.toMatchObject({ name: 'InvalidDBSnapshotStateFault' });
  await expect.poll(async () => (await call('DescribeDBSnapshots', name)).DBSnapshots[0].Status).toBe('available');
  expect((await call('DescribeDBSnapshots', { DBInstanceIdentifier: 'baton-dev' })).DBSnapshots).toHaveLength(1);
  expect((await call('DeleteDBSnapshot', name)).DBSnapshot.Status).toBe('deleted');
  await expect(call('DescribeDBSnapshots', name)).rejects.toMatchObject({ name: 'DBSnapshotNotFoundFault' });
});

test.each([
  ['DescribeDBInstances', { DBInstanceIdentifier: 'none' }, 'DBInstanceNotFoundFault'],
  ['CreateDBSnapshot', { DBInstanceIdentifier: 'none', DBSnapshotIdentifier: 'a' }, 'DBInstanceNotFoundFault'],
  ['CreateDBSnapshot', { DBInstanceIdentifier: 'baton-dev', DBSnapshotIdentifier: 'two--hyphens' }, 'InvalidParameterValue'],
])('%s %j is refused with %s', async (operation, input, name) => {
  await expect(call(operation, input)).rejects.toMatchObject({ name });
});

test.each([
  ['another engine', { Engine: 'mysql' }],
  ['another version', { EngineVersion: '16.3' }],
  ['a reserved user', { MasterUsername: 'rdsadmin' }],
  ['a password that RDS does not take', { MasterUserPassword: 'with@and/or' }],
])('%s is refused', async (_what, wrong) => {
  await expect(create('AWS::RDS::DBInstance', { ...properties, DBInstanceIdentifier: 'wrong', ...wrong })).rejects.toThrow(
    /InvalidParameter|cannot be used|not a valid|only PostgreSQL/,
  );
});
