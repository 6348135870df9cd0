/** The two stores answer alike: the one in memory, and the one on DynamoDB's own expressions and errors. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LeaseControl, startDrainOf } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import {
  BookBusyError, LeaseConflictError, LeaseMissingError, LeaseUnreachableError, WorkflowPreemptedError,
} from '../../lib/lease/errors.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { instanceId, type BookName, type Epoch, type WorkflowToken } from '../../lib/lease/model.ts';
import type { LeaseStore, LeaseWrite, WriteAnswer } from '../../lib/lease/store.ts';
import { startLocalTable, type LocalTable } from './local-table.ts';

let table: LocalTable;
let client: DynamoDBClient;
beforeAll(async () => {
  table = await startLocalTable({ dynamodbReadMs: 0, dynamodbWriteMs: 0 });
  client = new DynamoDBClient({ endpoint: table.endpoint, region: table.region, credentials: table.credentials, maxAttempts: 1 });
});
afterAll(async () => {
  client?.destroy();
  await table?.close();
});

const blue = instanceId('us-east-1', 'blue', 'a1');
const green = instanceId('us-east-1', 'green', 'b2');
let books = 0;
const newBook = (): BookName => `book${(books += 1)}` as BookName;
const home = 'us-east-1';

const stores: ReadonlyArray<readonly [string, () => LeaseStore]> = [
  ['in memory', () => new MemoryLeaseStore()],
  ['on DynamoDB', () => new DynamoLeaseStore({ client, tableName: table.tableName })],
];

describe.each(stores)('the store %s', (_name, make) => {
  test('creates once, and reads what it wrote', async () => {
    const store = make();
    const control = new LeaseControl(store);
    const book = newBook();
    expect(await store.read(book)).toBeUndefined();
    expect(await control.createBook({ book, home, leaseMs: 5000 })).toBe('created');
    expect(await control.createBook({ book, home: 'elsewhere', leaseMs: 1 })).toBe('existed');
    const created = { book, epoch: 0, heartbeat: 0, grantId: 'created', leaseMs: 5000, home, mode: 'halted', workflow: { token: 0 } };
    expect(await store.read(book)).toEqual(created);
  });

  test('announces a version of the key beside the lease, which stays as it is, and registers what is known of it', async () => {
    const store = make();
    const book = newBook();
    await new LeaseControl(store).createBook({ book, home, leaseMs: 5000 });
    const before = await store.readAll(book);
    expect(before).not.toHaveProperty('announcedKey');
    await store.announceKey(book, 'v1');
    await store.announceKey(book, 'v2');
    const venueKey = { proved: 'v2', uses: 'v1', otherUsedMsAgo: 12, refused: 'v0' };
    const registration = { book, instance: blue, colour: 'blue', region: home, imageDigest: 'd', ready: true, reconciled: false, beat: 3, venueKey } as const;
    await store.register(registration);
    expect(await store.readAll(book)).toEqual({ ...before, announcedKey: 'v2', registrations: [registration] });
  });

  test('judges each kind of condition, applies each kind of change, and shows the item it refused', async () => {
    const store = make();
    const book = newBook();
    await new LeaseControl(store).createBook({ book, home, leaseMs: 5000 });
    const base = { name: 'take-over', book } as const;
    const took = await store.write({
      ...base,
      expects: [{ path: 'holder', absent: true }, { path: 'epoch', equals: 0 as Epoch }],
      set: { holder: blue, mode: 'open', epoch: 1 as Epoch },
    });
    expect(took).toMatchObject({ outcome: 'applied', lease: { holder: blue, epoch: 1, mode: 'open' } });
    const beaten = await store.write({
      ...base, name: 'renew', expects: [{ path: 'holder', equals: blue }, { path: 'mode', differs: 'halted' }], beat: true,
    });
    expect(beaten).toMatchObject({ outcome: 'applied', lease: { heartbeat: 1 } });
    const refusals: LeaseWrite['expects'][] = [
      [{ path: 'holder', equals: green }], [{ path: 'holder', absent: true }], [{ path: 'mode', differs: 'open' }],
      [{ path: 'successor', equals: 'green' }], [{ path: 'workflow.execution', equals: 'x' }], [{ path: 'epoch', equals: 0 as Epoch }],
    ];
    for (const expects of refusals) {
      const answer = await store.write({ ...base, expects, set: { holder: green } });
      expect(answer).toMatchObject({ outcome: 'refused', lease: { holder: blue, heartbeat: 1 } });
    }
    // Everything differs from what is absent, as in DynamoDB.
    const unnamed = await store.write({ ...base, expects: [{ path: 'successor', differs: 'green' }], remove: ['holder'] });
    expect(unnamed.outcome).toBe('applied');
    expect(await store.read(book)).not.toHaveProperty('holder');
    const nothingThere = await store.write({ ...base, book: newBook(), expects: [{ path: 'epoch', equals: 0 as Epoch }], beat: true });
    expect(nothingThere).toEqual({ outcome: 'refused' });
  });

  test('keeps registrations beside the lease', async () => {
    const store = make();
    const book = newBook();
    const image = { imageDigest: 'sha256:1', ready: true, reconciled: false } as const;
    const registration = { book, instance: green, colour: 'green', region: home, ...image, beat: 1 } as const;
    await store.register(registration);
    expect(await store.readAll(book)).toEqual({ registrations: [registration] });
    await store.register({ ...registration, beat: 2, attends: 4 as Epoch });
    await new LeaseControl(store).createBook({ book, home, leaseMs: 5000 });
    expect(await store.readAll(book)).toMatchObject({ lease: { epoch: 0 }, registrations: [{ beat: 2, attends: 4 }] });
    await store.deregister(book, green);
    await store.deregister(book, green);
    expect((await store.readAll(book)).registrations).toEqual([]);
  });

  test('the machines take a book one at a time, and each step checks the token', async () => {
    const store = make();
    const control = new LeaseControl(store);
    const book = newBook();
    await expect(control.takeWorkflow(book, 'one')).rejects.toBeInstanceOf(LeaseMissingError);
    await control.createBook({ book, home, leaseMs: 5000 });
    const { token } = await control.takeWorkflow(book, 'one');
    expect(token).toBe(1);
    expect((await control.takeWorkflow(book, 'one')).token).toBe(1);
    await expect(control.takeWorkflow(book, 'two')).rejects.toMatchObject({ name: 'BookBusyError', heldBy: 'one' });
    await expect(control.takeWorkflow(book, 'two')).rejects.toBeInstanceOf(BookBusyError);
    await expect(control.open(book, 9 as WorkflowToken)).rejects.toBeInstanceOf(WorkflowPreemptedError);
    expect((await control.open(book, token)).mode).toBe('open');
    expect((await control.open(book, token)).mode).toBe('open');
    expect((await control.startDrain(book, token, 'green')).successor).toBe('green');
    expect((await control.startDrain(book, token, 'green')).mode).toBe('draining');
    await expect(control.startDrain(book, token, 'blue')).rejects.toBeInstanceOf(LeaseConflictError);
    expect(await control.cancelDrain(book, token)).toMatchObject({ mode: 'open' });
    expect(await control.cancelDrain(book, token)).not.toHaveProperty('successor');
    const live = { imageDigest: 'sha256:1', guardDigest: 'sha256:2', taskDefinition: 'family:1' };
    expect((await control.recordLive(book, token, live)).live).toEqual(live);
    expect((await control.closeWayBack(book, token, live.taskDefinition)).contractedBy).toBe(live.taskDefinition);
    expect((await control.releaseWorkflow(book, 'two')).released).toBe(false);
    expect((await control.releaseWorkflow(book, 'one')).released).toBe(true);
    expect((await control.releaseWorkflow(book, 'one')).released).toBe(false);
    await expect(control.checkToken(book, token)).rejects.toBeInstanceOf(WorkflowPreemptedError);
    // Given back is given back: the token is still the newest, and is worth nothing.
    await expect(control.recordLive(book, token, live)).rejects.toBeInstanceOf(WorkflowPreemptedError);
    await expect(control.startDrain(book, token, 'green')).rejects.toBeInstanceOf(WorkflowPreemptedError);
    const late = await store.write(startDrainOf(await control.read(book), token, 'green'));
    expect(late).toMatchObject({ outcome: 'refused', lease: { mode: 'open' } });
    expect((await control.takeWorkflow(book, 'two')).token).toBe(2);
  });

  test('a drain whose successor already holds is done', async () => {
    const store = make();
    const control = new LeaseControl(store);
    const book = newBook();
    await control.createBook({ book, home, leaseMs: 5000 });
    const { token } = await control.takeWorkflow(book, 'one');
    await control.open(book, token);
    const untouched = [{ path: 'epoch', equals: 0 as Epoch }] as const;
    await store.write({ name: 'take-over', book, expects: untouched, set: { holder: green, epoch: 1 as Epoch } });
    expect(await control.startDrain(book, token, 'green')).toMatchObject({ mode: 'open', holder: green });
  });

  test('a drain is asked of one epoch: its repeat does not drain the successor that has the book by then', async () => {
    const store = make();
    const control = new LeaseControl(store);
    const book = newBook();
    await control.createBook({ book, home, leaseMs: 5000 });
    const { token } = await control.takeWorkflow(book, 'one');
    const asked = startDrainOf(await control.open(book, token), token, 'green');
    expect((await store.write(asked)).outcome).toBe('applied');
    const draining = [{ path: 'mode', equals: 'draining' }] as const;
    const toGreen = { holder: green, epoch: 1 as Epoch, mode: 'open' } as const;
    await store.write({ name: 'hand-over', book, expects: draining, set: toGreen, remove: ['successor'] });
    expect(await store.write(asked)).toMatchObject({ outcome: 'refused', lease: { mode: 'open', holder: green } });
  });

  test('registrations of a retired colour are removed, others stay', async () => {
    const store = make();
    const control = new LeaseControl(store);
    const book = newBook();
    await control.createBook({ book, home, leaseMs: 5000 });
    for (const instance of [blue, green]) {
      const colour = instance === blue ? 'blue' : 'green';
      await store.register({ book, instance, colour, region: home, imageDigest: 'sha256:1', ready: true, reconciled: true, beat: 1 });
    }
        const elsewhere = instanceId('us-west-2', 'blue', 'a1');
    await store.register({ book, instance: elsewhere, colour: 'blue', region: 'us-west-2', imageDigest: 'sha256:1', ready: true, reconciled: true, beat: 1 });
    expect(await control.removeRegistrations(book, { colour: 'blue', region: home })).toBe(1);
    expect((await control.registrations(book)).map(({ instance }) => instance).toSorted()).toEqual([green, elsewhere].toSorted());
  });
});

describe('lost answers', () => {
  /** Applies every write and loses the first answers. */
  class Forgetful extends MemoryLeaseStore {
    toLose = 0;
    override async write(write: LeaseWrite): Promise<WriteAnswer> {
      const answer = await super.write(write);
      if (this.toLose === 0) return answer;
      this.toLose -= 1;
      return { outcome: 'ambiguous', error: new Error('timed out after it was applied') };
    }
  }

  test('a control write is repeated without a second effect', async () => {
    const store = new Forgetful();
    const control = new LeaseControl(store);
    const book = newBook();
    store.toLose = 1;
    expect(await control.createBook({ book, home, leaseMs: 5000 })).toBe('existed');
    store.toLose = 1;
    const { token } = await control.takeWorkflow(book, 'one');
    expect(token).toBe(1);
    store.toLose = 1;
    expect((await control.open(book, token)).mode).toBe('open');
    store.toLose = 1;
    expect((await control.startDrain(book, token, 'green')).mode).toBe('draining');
    store.toLose = 99;
    await expect(control.cancelDrain(book, token)).rejects.toBeInstanceOf(LeaseUnreachableError);
  });

  test('a table that cannot be reached gives an ambiguous answer in bounded time', async () => {
    const endpoint = 'http://127.0.0.1:9';
    const nowhere = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials: table.credentials, maxAttempts: 1 });
    const store = new DynamoLeaseStore({ client: nowhere, tableName: 'none', requestTimeoutMs: 300 });
    const answer = await store.write({ name: 'renew', book: newBook(), expects: [{ path: 'epoch', equals: 1 as Epoch }], beat: true });
    expect(answer.outcome).toBe('ambiguous');
    await expect(store.readAll(newBook())).rejects.toThrow();
    nowhere.destroy();
  });
});
