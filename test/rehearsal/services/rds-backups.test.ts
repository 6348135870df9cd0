/** Backups of databases are real: base backups, archived logs, recovery to a moment; a restored instance is a PostgreSQL of its own. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { kms } from '../../../rehearsal/services/kms.ts';
import { rds, type RdsModel } from '../../../rehearsal/services/rds.ts';
import { until } from '../../until.ts';
import { useSite } from '../processes/site.ts';

const site = useSite();
const [east, west] = ['us-east-1', 'us-west-2'] as const;
const name = 'baton-dev';
const MasterUserPassword = 'correct-horse-battery';
const primary = {
  DBInstanceIdentifier: name, Engine: 'postgres', EngineVersion: '17.6', MasterUsername: 'baton', MasterUserPassword, DBName: 'trading',
  AllocatedStorage: '100', StorageEncrypted: true, BackupRetentionPeriod: 7,
};
let world: CloudWorld;
let model: RdsModel;
let key: string;
const errors: string[] = [];

beforeAll(async () => {
  const services = (made: CloudWorld) => [kms(made), (model = rds(made, { ...site, directory: site.directory, keepsBackups: true }))];
  world = createWorld({ seed: 1, accountId: '111111111111', regions: [east, west], services, provisioningMs: (seconds) => (seconds === 300 ? 1000 : 100), onLog: ({ fields }) => errors.push(String(fields?.['error'])) });
  key = await create('kms', 'AWS::KMS::Key', {});
  await create('rds', 'AWS::RDS::DBSubnetGroup', { DBSubnetGroupName: 'apart' });
  await create('rds', 'AWS::RDS::DBInstance', { ...primary, KmsKeyId: key });
  await query('CREATE TABLE orders (id int)');
});
afterAll(() => world?.close());

async function create(service: string, type: string, properties: Record<string, unknown>): Promise<string> {
  const made = await world.model(service)?.resources?.[type]?.({ type, logicalId: 'Thing', stackName: 'test', region: east, generatedName: 'test-Thing-1', properties });
  return made?.ref ?? '';
}
const call = async (operation: string, input: Record<string, unknown>, region: string = east): Promise<any> =>
  world.call({ service: 'rds', operation, region, caller: world.operator.caller, input });
const statusOf = async (identifier: string): Promise<string> =>
  (await call('DescribeDBInstances', { DBInstanceIdentifier: identifier }).catch(() => undefined))?.DBInstances[0].DBInstanceStatus ?? 'gone';
const becomes = (identifier: string, status: string): Promise<unknown> => until(`${identifier} is ${status}`, async () => (await statusOf(identifier)) === status);

async function query(sql: string, identifier = name): Promise<any[]> {
  const { endpoint, server } = model.running(east).get(identifier)!;
  const client = new Client({ ...endpoint, user: 'baton', password: MasterUserPassword, database: 'trading', ssl: { ca: readFileSync(server.caFile, 'utf8') } });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
const ids = async (identifier = name): Promise<number[]> => (await query('SELECT id FROM orders ORDER BY id', identifier)).map(({ id }) => id);

async function snapshotted(identifier: string): Promise<void> {
  await call('CreateDBSnapshot', { DBInstanceIdentifier: name, DBSnapshotIdentifier: identifier });
  await until(`${identifier} is available`, async () => (await call('DescribeDBSnapshots', { DBSnapshotIdentifier: identifier })).DBSnapshots[0].Status === 'available');
}
async function gone(identifier: string): Promise<void> {
  await call('DeleteDBInstance', { DBInstanceIdentifier: identifier, SkipFinalSnapshot: true });
  await becomes(identifier, 'gone');
}

test('a snapshot holds what was there when it was made, and nothing later; the instance from it is one of its own, and goes without a trace', async () => {
  await query('INSERT INTO orders VALUES (1)');
  await snapshotted('one');
  await query('INSERT INTO orders VALUES (2)');
  const input = { DBInstanceIdentifier: 'from-one', DBSnapshotIdentifier: 'one', DBSubnetGroupName: 'apart', VpcSecurityGroupIds: ['sg-1'], Tags: [{ Key: 'baton:temporary', Value: 'yes' }], BackupRetentionPeriod: 0 };
  const { DBInstance } = await call('RestoreDBInstanceFromDBSnapshot', input);
  expect(DBInstance).toMatchObject({ DBInstanceStatus: 'creating', MasterUsername: 'baton', TagList: input.Tags, DBSubnetGroup: { DBSubnetGroupName: 'apart' }, KmsKeyId: key });
  await becomes('from-one', 'available');
  expect(await ids('from-one')).toEqual([1]);
  await query('INSERT INTO orders VALUES (9)', 'from-one');
  expect(await ids()).toEqual([1, 2]);
  const { server } = model.running(east).get('from-one')!;
  const before = readdirSync(site.directory).length;
  await gone('from-one');
  expect(server.child.exit).toBeDefined();
  expect(readdirSync(site.directory)).toHaveLength(before - 1);
});

test('recovery goes to a moment: what was committed before it is there, what came after is not', async () => {
  await query('INSERT INTO orders VALUES (3)');
  const [{ now }] = await query('SELECT clock_timestamp() AS now');
  await query('INSERT INTO orders VALUES (4)');
  await until('that moment is restorable', async () => {
    const { DBInstances: [instance] } = await call('DescribeDBInstances', { DBInstanceIdentifier: name });
    return instance.LatestRestorableTime > now;
  });
  await call('RestoreDBInstanceToPointInTime', { SourceDBInstanceIdentifier: name, TargetDBInstanceIdentifier: 'then', RestoreTime: now });
  await model.archiveNow(east, name);
  await call('RestoreDBInstanceToPointInTime', { SourceDBInstanceIdentifier: name, TargetDBInstanceIdentifier: 'newest', UseLatestRestorableTime: true });
  await Promise.all(['then', 'newest'].map((identifier) => becomes(identifier, 'available')));
  expect([await ids('then'), await ids('newest')]).toEqual([[1, 2, 3], [1, 2, 3, 4]]);
  // It has backups of its own from then on.
  await query('INSERT INTO orders VALUES (5)', 'then');
  await model.archiveNow(east, 'then');
  await call('RestoreDBInstanceToPointInTime', { SourceDBInstanceIdentifier: 'then', TargetDBInstanceIdentifier: 'again', UseLatestRestorableTime: true });
  await becomes('again', 'available');
  expect(await ids('again')).toEqual([1, 2, 3, 5]);
  await Promise.all(['then', 'newest', 'again'].map(gone));
});

test('backups that are kept outlive their instance, and are found by its resource id', async () => {
  await snapshotted('to-lose');
  await call('RestoreDBInstanceFromDBSnapshot', { DBInstanceIdentifier: 'lost', DBSnapshotIdentifier: 'to-lose' });
  await becomes('lost', 'available');
  await query('INSERT INTO orders VALUES (6)', 'lost');
  await model.archiveNow(east, 'lost');
  const { DBInstances: [{ DbiResourceId: SourceDbiResourceId }] } = await call('DescribeDBInstances', { DBInstanceIdentifier: 'lost' });
  await call('DeleteDBInstance', { DBInstanceIdentifier: 'lost', SkipFinalSnapshot: true, DeleteAutomatedBackups: false });
  await becomes('lost', 'gone');
  const { DBInstanceAutomatedBackups } = await call('DescribeDBInstanceAutomatedBackups', { DbiResourceId: SourceDbiResourceId });
  expect(DBInstanceAutomatedBackups).toMatchObject([{ Status: 'retained', RestoreWindow: { LatestTime: expect.any(Date) } }]);
  await call('RestoreDBInstanceToPointInTime', { SourceDbiResourceId, TargetDBInstanceIdentifier: 'found', UseLatestRestorableTime: true });
  await becomes('found', 'available');
  expect(await ids('found')).toContain(6);
  await gone('found');
});

test('a database of a moment takes the name of the one of now, and is found where that was; the other is kept', async () => {
  await snapshotted('to-swap');
  await call('RestoreDBInstanceFromDBSnapshot', { DBInstanceIdentifier: 'ledger', DBSnapshotIdentifier: 'to-swap', DBSubnetGroupName: 'apart' });
  await becomes('ledger', 'available');
  await query('CREATE TABLE fills (id int)', 'ledger');
  await model.archiveNow(east, 'ledger');
  const { DBInstances: [{ LatestRestorableTime: RestoreTime, Endpoint }] } = await call('DescribeDBInstances', { DBInstanceIdentifier: 'ledger' });
  await query('DROP TABLE fills', 'ledger');
  await model.archiveNow(east, 'ledger');
  const made = { TargetDBInstanceIdentifier: 'ledger-restore', SourceDBInstanceIdentifier: 'ledger', RestoreTime, DBSubnetGroupName: 'apart', MultiAZ: true, DeletionProtection: true };
  await call('RestoreDBInstanceToPointInTime', made);
  await becomes('ledger-restore', 'available');
  for (const [from, to] of [['ledger', 'ledger-before'], ['ledger-restore', 'ledger']] as const) {
    await call('ModifyDBInstance', { DBInstanceIdentifier: from, NewDBInstanceIdentifier: to, ApplyImmediately: true });
    await becomes(to, 'available');
  }
  expect((await call('DescribeDBInstances', { DBInstanceIdentifier: 'ledger' })).DBInstances[0]).toMatchObject({ Endpoint, MultiAZ: true, DeletionProtection: true });
  expect(await query('SELECT FROM fills', 'ledger')).toEqual([]);
  await expect(query('SELECT FROM fills', 'ledger-before')).rejects.toThrow('does not exist');
  // Its own backups go on under its name: it can be restored again.
  await query('INSERT INTO fills VALUES (1)', 'ledger');
  await model.archiveNow(east, 'ledger');
  expect((await call('DescribeDBInstanceAutomatedBackups', { DBInstanceIdentifier: 'ledger' })).DBInstanceAutomatedBackups).toMatchObject([{ Status: 'active' }]);
  await expect(call('DeleteDBInstance', { DBInstanceIdentifier: 'ledger', SkipFinalSnapshot: true })).rejects.toThrow('protected');
  await call('ModifyDBInstance', { DBInstanceIdentifier: 'ledger', DeletionProtection: false, ApplyImmediately: true });
  await becomes('ledger', 'available');
  await Promise.all(['ledger', 'ledger-before'].map(gone));
});

test('a copy in another Region needs a key of that Region, and holds the same bytes', async () => {
  await snapshotted('to-copy');
  const source = `arn:aws:rds:${east}:111111111111:snapshot:to-copy`;
  const copy = { SourceDBSnapshotIdentifier: source, TargetDBSnapshotIdentifier: 'copied' };
  await expect(call('CopyDBSnapshot', copy, west)).rejects.toMatchObject({ name: 'InvalidParameterCombination' });
  await call('CopyDBSnapshot', { ...copy, KmsKeyId: 'alias/west' }, west);
  await until('the copy', async () => (await call('DescribeDBSnapshots', { DBSnapshotIdentifier: 'copied' }, west)).DBSnapshots[0].Status === 'available');
  const digest = (directory: string | undefined): string => createHash('sha256').update(readFileSync(join(directory ?? '', 'base.tar'))).digest('hex');
  expect(digest(model.baseOf(west, 'copied'))).toBe(digest(model.baseOf(east, 'to-copy')));
  expect((await call('DescribeDBSnapshots', { DBSnapshotIdentifier: 'copied' }, west)).DBSnapshots[0]).toMatchObject({ SourceDBSnapshotIdentifier: source, KmsKeyId: 'alias/west' });
});

test('a base backup that lost its end makes no database; a missing segment makes none for a moment behind it', async () => {
  await snapshotted('cut');
  truncateSync(join(model.baseOf(east, 'cut') ?? '', 'base.tar'), 2_000_000);
  await call('RestoreDBInstanceFromDBSnapshot', { DBInstanceIdentifier: 'from-cut', DBSnapshotIdentifier: 'cut' });
  await becomes('from-cut', 'failed');
  await gone('from-cut');

  // On an instance of its own: its archive is spoiled.
  await snapshotted('whole');
  await call('RestoreDBInstanceFromDBSnapshot', { DBInstanceIdentifier: 'holed', DBSnapshotIdentifier: 'whole' });
  await becomes('holed', 'available');
  for (const id of [7, 8]) {
    await query(`INSERT INTO orders VALUES (${id})`, 'holed');
    await model.archiveNow(east, 'holed');
  }
  const archive = model.archiveOf(east, 'holed') ?? '';
  const [first] = readdirSync(archive).filter((file) => /^[0-9A-F]{24}$/.test(file)).toSorted().slice(-2);
  rmSync(join(archive, first ?? ''));
  const { DBInstances: [{ LatestRestorableTime: RestoreTime }] } = await call('DescribeDBInstances', { DBInstanceIdentifier: 'holed' });
  await call('RestoreDBInstanceToPointInTime', { SourceDBInstanceIdentifier: 'holed', TargetDBInstanceIdentifier: 'from-holed', RestoreTime });
  await becomes('from-holed', 'incompatible-restore');
  expect(errors.some((error) => error.includes('recovery ended before configured recovery target was reached'))).toBe(true);
  await Promise.all(['holed', 'from-holed'].map(gone));
});

test('a restore that hangs stays creating, and can be deleted', async () => {
  await snapshotted('hangs');
  const release = model.holdRestores(east);
  await call('RestoreDBInstanceFromDBSnapshot', { DBInstanceIdentifier: 'hung', DBSnapshotIdentifier: 'hangs' });
  await until('its server is there', () => model.running(east).has('hung'));
  expect(await statusOf('hung')).toBe('creating');
  await gone('hung');
  release();
});

test('a key that is off opens no snapshot', async () => {
  await snapshotted('locked');
  await world.call({ service: 'kms', operation: 'DisableKey', region: east, caller: world.operator.caller, input: { KeyId: key } });
  await expect(call('RestoreDBInstanceFromDBSnapshot', { DBInstanceIdentifier: 'none', DBSnapshotIdentifier: 'locked' })).rejects.toMatchObject({ name: 'KMSKeyNotAccessibleFault' });
  await world.call({ service: 'kms', operation: 'EnableKey', region: east, caller: world.operator.caller, input: { KeyId: key } });
});

test('tags are added, replaced and taken away', async () => {
  const ResourceName = `arn:aws:rds:${east}:111111111111:db:${name}`;
  await call('AddTagsToResource', { ResourceName, Tags: [{ Key: 'a', Value: '1' }, { Key: 'b', Value: '1' }] });
  await call('AddTagsToResource', { ResourceName, Tags: [{ Key: 'a', Value: '2' }] });
  await call('RemoveTagsFromResource', { ResourceName, TagKeys: ['b'] });
  expect((await call('ListTagsForResource', { ResourceName })).TagList).toEqual([{ Key: 'a', Value: '2' }]);
});

test.each([
  ['DeleteDBInstance', { DBInstanceIdentifier: 'none', SkipFinalSnapshot: true }, 'DBInstanceNotFoundFault'],
  ['DeleteDBInstance', { DBInstanceIdentifier: name }, 'InvalidParameterCombination'],
  ['RestoreDBInstanceFromDBSnapshot', { DBInstanceIdentifier: 'x', DBSnapshotIdentifier: 'none' }, 'DBSnapshotNotFoundFault'],
  ['RestoreDBInstanceFromDBSnapshot', { DBInstanceIdentifier: name, DBSnapshotIdentifier: 'one' }, 'DBInstanceAlreadyExistsFault'],
  ['RestoreDBInstanceFromDBSnapshot', { DBInstanceIdentifier: 'x', DBSnapshotIdentifier: 'one', DBSubnetGroupName: 'none' }, 'DBSubnetGroupNotFoundFault'],
  ['RestoreDBInstanceToPointInTime', { SourceDBInstanceIdentifier: name, TargetDBInstanceIdentifier: 'x' }, 'InvalidParameterCombination'],
  ['RestoreDBInstanceToPointInTime', { SourceDBInstanceIdentifier: name, TargetDBInstanceIdentifier: 'x', RestoreTime: new Date(0) }, 'InvalidParameterValue'],
  ['RestoreDBInstanceToPointInTime', { SourceDbiResourceId: 'db-NONE', TargetDBInstanceIdentifier: 'x', UseLatestRestorableTime: true }, 'DBInstanceAutomatedBackupNotFoundFault'],
  ['CreateDBSnapshot', { DBInstanceIdentifier: name, DBSnapshotIdentifier: 'awsbackup:job-1' }, 'InvalidParameterValue'],
])('%s %j is refused with %s', async (operation, input, error) => {
  await expect(call(operation, input)).rejects.toMatchObject({ name: error });
});
