/** Approvals: enough different people, none of them the requester, none twice, none late; whatever comes in between. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { agreedBill, approvalTable } from '../../lib/change/approval-table.ts';
import { ApprovalsUnreachableError, partName, type ApprovalStore } from '../../lib/change/approvals.ts';
import type { BillGate } from '../../lib/change/bill-gate.ts';
import type { PricedStack } from '../../lib/cost/stacks.ts';
import { Secret } from '../../lib/secret.ts';
import { startFront, type Front } from '../../rehearsal/cloud/front.ts';
import type { ServiceModel } from '../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../rehearsal/cloud/world.ts';
import { dynamodb } from '../../rehearsal/services/dynamodb.ts';
import { arnOf, deskWith, memoryStore } from '../../simulation/worlds/desk.ts';

const executionsArn = 'arn:aws:states:us-east-1:111111111111:execution:baton-test-';
const execution = `${executionsArn}cutover:run`;
const images = { trader: 'sha256:1', guard: 'sha256:2' };
const alone = { books: ['alpha'], images, within: '', least: 0 };

function desk(store: ApprovalStore, required = 2) {
  const { machine, ...people } = deskWith({ store, required, executionsArn, environment: 'test' });
  return {
    open: (who = 'ada', startedAt = 'noon') => machine.open({ ...alone, execution, name: 'run', startedAt, proof: new Secret(people.request(who, 'run')) }),
    openWithoutProof: () => machine.open({ ...alone, execution, name: 'run', startedAt: 'noon', proof: undefined }),
    decide: (who: string, decision: 'approve' | 'reject' = 'approve', name = 'run') => people.decide(who, decision, name),
    steal: () => people.misuse('grace', 'run'),
    look: (last = false) => machine.look({ execution, last }),
  };
}

describe('a change that needs two approvals', () => {
  test('has them when two others gave them', async () => {
    const { open, decide, look } = desk(memoryStore());
    expect(await open()).toMatchObject({ required: 2, requester: arnOf('ada') });
    expect(await look()).toMatchObject({ state: 'waiting', seen: '0 of 2 approvals' });
    expect(await decide('grace')).toEqual({ accepted: true, message: `Approved by ${arnOf('grace')}: 1 of 2.` });
    expect(await look()).toMatchObject({ state: 'waiting', approvedBy: [arnOf('grace')] });
    expect(await decide('edsger')).toMatchObject({ accepted: true });
    expect(await look()).toMatchObject({ state: 'approved', approvedBy: [arnOf('grace'), arnOf('edsger')] });
  });

  test.each<[string, (d: ReturnType<typeof desk>) => Promise<{ accepted: boolean; message: string }>, RegExp]>([
    ['from the requester', (d) => d.decide('ada'), /asked for this change and cannot approve it/],
    ['from the same person again', (d) => d.decide('grace').then(() => d.decide('grace')), /counts once/],
    ['from somebody who may not', (d) => d.decide('mallory'), /may not decide about changes; user\/ada, user\/grace/],
    ['of another change', (d) => d.decide('grace', 'approve', 'other'), /No change 'other' waits/],
    ['with a proof made to reject', (d) => d.steal(), /made for something else/],
    ['after it was rejected', (d) => d.decide('edsger', 'reject').then(() => d.decide('grace')), /Too late: this change is rejected/],
    ['after the time was over', (d) => d.look(true).then(() => d.decide('grace')), /Too late: this change is expired/],
    [
      'beyond what is needed',
      (d) => d.decide('grace').then(() => d.decide('edsger')).then(() => d.decide('barbara')),
      /Too late: this change is approved/,
    ],
    [
      'to reject what has all its approvals',
      (d) => d.decide('grace').then(() => d.decide('edsger')).then(() => d.decide('barbara', 'reject')),
      /Too late: this change is approved/,
    ],
  ])('refuses a word %s', async (_, decide, why) => {
    const all = desk(memoryStore());
    await all.open();
    const answer = await decide(all);
    expect(answer).toMatchObject({ accepted: false });
    expect(answer.message).toMatch(why);
  });

  test('is rejected by one, who says why', async () => {
    const { open, decide, look } = desk(memoryStore());
    await open();
    await decide('grace');
    expect(await decide('edsger', 'reject')).toMatchObject({ accepted: true });
    expect(await look()).toMatchObject({ state: 'rejected', seen: `${arnOf('edsger')} rejected it: not now` });
  });

  test('may be taken back by its requester', async () => {
    const { open, decide, look } = desk(memoryStore());
    await open();
    expect(await decide('ada', 'reject')).toMatchObject({ accepted: true });
    expect(await look()).toMatchObject({ state: 'rejected' });
  });

  test('is expired when it is not approved at the last look, and approved when it is', async () => {
    const late = desk(memoryStore());
    await late.open();
    await late.decide('grace');
    expect(await late.look(true)).toMatchObject({ state: 'expired', seen: `1 of 2 approvals, by ${arnOf('grace')}` });
    const inTime = desk(memoryStore());
    await inTime.open();
    await inTime.decide('grace');
    await inTime.decide('edsger');
    expect(await inTime.look(true)).toMatchObject({ state: 'approved' });
  });

  test('is opened twice by a repeated step, and once in fact', async () => {
    const { open, decide, look } = desk(memoryStore());
    await open();
    await decide('grace');
    await open();
    expect(await look()).toMatchObject({ approvedBy: [arnOf('grace')] });
  });

  test('has none of the approvals of an execution that had its name before', async () => {
    const { open, decide, look } = desk(memoryStore());
    await open();
    await decide('grace');
    await decide('edsger');
    await open('ada', 'ninety days later');
    expect(await look()).toMatchObject({ state: 'waiting', approvedBy: [] });
  });

  test('is refused without a proof of who asks, which the answer shows how to make', async () => {
    const { openWithoutProof } = desk(memoryStore());
    await expect(openWithoutProof()).rejects.toThrow(/need 2 approvals.*aws eks get-token .*--cluster-name baton-test\/request\/run /);
  });

  test('tells people commands that hold no secret, one line each', async () => {
    const { commands } = await desk(memoryStore()).open();
    const lines = commands.split('\n').filter((line) => line.startsWith('aws '));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('--function-name baton-test-decide-change');
    expect(lines[0]).toContain('$(aws eks get-token --region us-east-1 --cluster-name baton-test/approve/run --query status.token ');
    expect(lines[1]).toContain('--cluster-name baton-test/reject/run ');
  });

  test('is not decided by silence of STS or of the table', async () => {
    const { open, decide } = desk(memoryStore());
    await open();
    await expect(decide('unknown')).rejects.toBeInstanceOf(ApprovalsUnreachableError);
    const busy = { ...memoryStore(), write: async () => false };
    await expect(desk(busy).open()).rejects.toThrow(/changed 10 times meanwhile/);
  });
});

test('a change that needs none asks nobody and keeps nothing', async () => {
  const store = memoryStore();
  expect(await desk(store, 0).openWithoutProof()).toEqual({ required: 0, requester: '', approvedBy: [], commands: '' });
  expect(await store.read(execution)).toBeUndefined();
});

test('whatever words come in whatever order: approved by the required number of different people that did not ask for it', async () => {
  const people = fc.constantFrom('ada', 'grace', 'edsger', 'barbara', 'mallory');
  const decisions = fc.constantFrom<'approve' | 'reject'>('approve', 'approve', 'approve', 'reject');
  const words = fc.array(fc.tuple(people, decisions), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(words, fc.integer({ min: 1, max: 3 }), async (said, required) => {
      const { open, decide, look } = desk(memoryStore(), required);
      await open();
      const counted = new Set<string>();
      let state = 'waiting';
      for (const [who, decision] of said) {
        const { accepted } = await decide(who, decision);
        const isOpen = state === 'waiting' && who !== 'mallory';
        const counts = isOpen && (decision === 'reject' || (who !== 'ada' && !counted.has(who)));
        expect(accepted).toBe(counts);
        if (counts && decision === 'reject') state = 'rejected';
        else if (counts && counted.add(who).size === required) state = 'approved';
      }
      expect((await look()).state).toBe(state);
    }),
  );
});

describe('a canary, whose approvals hold for its parts', () => {
  const canary = `${executionsArn}canary:run`;
  const startedAt = '2026-11-25T19:00:00Z';
  const ofCanary = { ...alone, books: ['alphac'], execution: canary, name: 'canary/run', startedAt };
  const trial = partName(canary, 'trial');
  const part = { ...alone, books: ['alphac'], execution: `${executionsArn}cutover:${trial}`, name: trial, startedAt, proof: undefined, within: canary };
  const approved = async () => {
    const { machine, ...people } = deskWith({ store: memoryStore(), required: 2, executionsArn, environment: 'test' });
    await machine.open({ ...ofCanary, proof: new Secret(people.request('ada', 'canary/run')) });
    const decide = async (who: string, name = 'canary/run'): Promise<{ accepted: boolean; message: string }> => people.decide(who, 'approve', name);
    return { machine, decide, approve: async () => void (await decide('grace'), await decide('edsger'), await machine.look({ execution: canary, last: false })) };
  };

  test('are those of the canary, at once', async () => {
    const { machine, approve } = await approved();
    await approve();
    expect(await machine.open(part)).toEqual({
      required: 0, requester: arnOf('ada'), approvedBy: [arnOf('grace'), arnOf('edsger')], commands: '',
    });
  });

  test('hold for the book only when the canary has let it through', async () => {
    const { machine, approve } = await approved();
    await approve();
    const ofBook = { ...part, books: ['alpha'] };
    await expect(machine.open(ofBook)).rejects.toMatchObject({ name: 'NotApprovedError', message: expect.stringMatching(/no approvals that hold/) as string });
    expect(await machine.extend({ execution: canary, book: 'alpha' })).toEqual({ books: ['alphac', 'alpha'] });
    expect(await machine.extend({ execution: canary, book: 'alpha' })).toEqual({ books: ['alphac', 'alpha'] });
    expect(await machine.open(ofBook)).toMatchObject({ required: 0, requester: arnOf('ada') });
  });

  test.each([
    ['while they are not given', async (): Promise<void> => undefined, {}],
    ['of another image', async (approve: () => Promise<void>): Promise<void> => approve(), { images: { ...images, guard: 'sha256:3' } }],
    ['of another book', async (approve: () => Promise<void>): Promise<void> => approve(), { books: ['alphac', 'beta'] }],
    ['of another execution, whatever it says', async (approve: () => Promise<void>): Promise<void> => approve(), { execution: `${executionsArn}cutover:another` }],
    ['of a canary with another name', async (approve: () => Promise<void>): Promise<void> => approve(), { execution: `${executionsArn}cutover:${partName(`${canary}2`, 'trial')}` }],
    ['of an execution that nobody knows', async (approve: () => Promise<void>): Promise<void> => approve(), { within: `${canary}-2` }],
  ] as const)('do not hold %s', async (_, before, other) => {
    const { machine, approve } = await approved();
    await before(approve);
    await expect(machine.open({ ...part, ...other, books: [...(('books' in other && other.books) || part.books)] })).rejects.toMatchObject({ name: 'NotApprovedError' });
  });

  test('are a canary’s: those of a cutover hold for that one alone', async () => {
    const { machine, ...people } = deskWith({ store: memoryStore(), required: 1, executionsArn, environment: 'test' });
    await machine.open({ ...alone, execution, name: 'run', startedAt, proof: new Secret(people.request('ada', 'run')) });
    await people.decide('grace', 'approve', 'run');
    await machine.look({ execution, last: false });
    const again = partName(execution, 'promotion');
    const asPart = { ...alone, execution: `${executionsArn}cutover:${again}`, name: again, startedAt, proof: undefined, within: execution };
    await expect(machine.open(asPart)).rejects.toMatchObject({ name: 'NotApprovedError' });
  });

  test('do not hold after twelve hours', async () => {
    const { machine, ...people } = deskWith({ store: memoryStore(), required: 1, executionsArn, environment: 'test' });
    await machine.open({ ...ofCanary, startedAt: '2026-11-25T07:59:59Z', proof: new Secret(people.request('ada', 'canary/run')) });
    await people.decide('grace', 'approve', 'canary/run');
    await machine.look({ execution: canary, last: false });
    await expect(machine.open(part)).rejects.toMatchObject({ name: 'NotApprovedError' });
  });

  test('are asked for anew to decide about it, and not of its requester', async () => {
    const { machine, decide, approve } = await approved();
    await approve();
    const verdict = { execution: `${canary}/verdict`, name: 'canary/run/verdict' };
    const opened = await machine.open({ ...part, ...verdict, least: 1 });
    expect(opened).toMatchObject({ required: 2, requester: arnOf('ada') });
    expect(opened.commands).toContain('baton-test/approve/canary/run/verdict');
    expect(await decide('ada', 'canary/run/verdict')).toMatchObject({ accepted: false });
    await decide('grace', 'canary/run/verdict');
    expect(await machine.look({ execution: verdict.execution, last: false })).toMatchObject({ state: 'waiting', seen: expect.stringMatching(/^1 of 2/) as string });
    await decide('barbara', 'canary/run/verdict');
    expect(await machine.look({ execution: verdict.execution, last: false })).toMatchObject({ state: 'approved' });
  });

  test('are not wanted where no change needs any; a decision then takes one person', async () => {
    const { machine, ...people } = deskWith({ store: memoryStore(), required: 0, executionsArn, environment: 'test' });
    expect(await machine.open(part)).toMatchObject({ required: 0 });
    expect(await machine.extend({ execution: canary, book: 'alpha' })).toEqual({ books: ['alpha'] });
    const verdict = { execution: `${canary}/verdict`, name: 'canary/run/verdict' };
    expect(await machine.open({ ...part, ...verdict, least: 1 })).toMatchObject({ required: 1, requester: 'somebody' });
    expect(await people.decide('grace', 'approve', 'canary/run/verdict')).toMatchObject({ message: `Approved by ${arnOf('grace')}: 1 of 1.` });
    expect(await machine.look({ execution: verdict.execution, last: false })).toMatchObject({ state: 'approved' });
  });

  test('cannot be extended before they are asked for', async () => {
    const { machine } = deskWith({ store: memoryStore(), required: 2, executionsArn, environment: 'test' });
    await expect(machine.extend({ execution: canary, book: 'alpha' })).rejects.toThrow(/nobody opened/);
  });
});

describe('the bill', () => {
  /** 3.65 USD a month each. */
  const addresses = (count: number): PricedStack => ({
    name: 'network', region: 'us-east-1', resources: Array.from({ length: count }, (_, index) => ({ logicalId: `Address${index}`, type: 'AWS::EC2::EIP', properties: {} })),
  });
  function billed(required: number) {
    const world = { count: 10, agreedUsd: undefined as number | undefined, unreadable: false };
    const bill: BillGate = {
      home: 'us-east-1',
      async deployed() {
        if (world.unreadable) throw Object.assign(new Error('no answer'), { name: 'TimeoutError' });
        return [addresses(world.count)];
      },
      agreed: { read: async () => world.agreedUsd, write: async (usd) => void (world.agreedUsd = usd) },
    };
    const { machine, ...people } = deskWith({ store: memoryStore(), required, executionsArn, environment: 'test', bill });
    const ask = (name: string, more: object = {}) =>
      machine.open({ ...alone, execution: `${executionsArn}cutover:${name}`, name, startedAt: 'noon', proof: required > 0 ? new Secret(people.request('ada', name)) : undefined, ...more });
    const look = (name: string, last = false) => machine.look({ execution: `${executionsArn}cutover:${name}`, last });
    return { world, ask, look, decide: (who: string, decision: 'approve' | 'reject', name: string) => people.decide(who, decision, name) };
  }
  const usd = (count: number): number => count * 3.65;

  test('that has grown by more than a tenth wants an approval where no change needs one, and once it has that no more', async () => {
    const { world, ask, look, decide } = billed(0);
    expect(await ask('first')).toMatchObject({ required: 0 });
    expect(world.agreedUsd).toBeCloseTo(usd(10), 2);
    world.count = 11;
    expect(await ask('a tenth')).toMatchObject({ required: 0 });
    world.count = 12;
    const { required, commands } = await ask('dearer');
    expect(required).toBe(1);
    expect(commands).toMatch(/^The bill: 43\.80 USD a month as it is deployed, 36\.50 when it was last agreed to\. That is more than 10 % on top, and wants an approval\.\n\nApprove:\naws lambda/);
    expect(world.agreedUsd, 'nobody has agreed to it yet').toBeCloseTo(usd(10), 2);
    await decide('grace', 'approve', 'dearer');
    expect(await look('dearer')).toMatchObject({ state: 'approved' });
    expect(world.agreedUsd).toBeCloseTo(usd(12), 2);
    expect(await ask('the next')).toMatchObject({ required: 0 });
  });

  test.each<[string, (b: ReturnType<typeof billed>) => Promise<unknown>]>([
    ['rejected', ({ decide }) => decide('grace', 'reject', 'dearer')],
    ['left until it was too late', ({ look }) => look('dearer', true)],
  ])('that was %s is asked for again', async (_, end) => {
    const all = billed(0);
    await all.ask('first');
    all.world.count = 20;
    await all.ask('dearer');
    await end(all);
    await all.look('dearer');
    expect(all.world.agreedUsd).toBeCloseTo(usd(10), 2);
    expect(await all.ask('again')).toMatchObject({ required: 1 });
  });

  test('grows step by step no further than in one', async () => {
    const { world, ask } = billed(0);
    await ask('first');
    world.count = 11;
    await ask('a tenth');
    world.count = 12;
    expect(await ask('another')).toMatchObject({ required: 1 });
  });

  test('that fell is what the next rise is measured from', async () => {
    const { world, ask } = billed(0);
    await ask('first');
    world.count = 5;
    expect(await ask('cheaper')).toMatchObject({ required: 0 });
    world.count = 10;
    expect(await ask('as before')).toMatchObject({ required: 1 });
  });

  test('is told to those who approve each change anyway, and agreed to with it', async () => {
    const { world, ask, look, decide } = billed(2);
    world.agreedUsd = usd(10);
    world.count = 30;
    expect(await ask('run')).toMatchObject({ required: 2, commands: expect.stringContaining('The bill: 109.50 USD') as string });
    await decide('grace', 'approve', 'run');
    await decide('edsger', 'approve', 'run');
    expect(await look('run')).toMatchObject({ state: 'approved' });
    expect(world.agreedUsd).toBeCloseTo(usd(30), 2);
  });

  test('that cannot be read holds nothing up, and is said not to be known', async () => {
    const none = billed(0);
    none.world.unreadable = true;
    expect(await none.ask('run')).toEqual({ required: 0, requester: '', approvedBy: [], commands: '' });
    const two = billed(2);
    two.world.unreadable = true;
    expect((await two.ask('run')).commands).toMatch(/^The bill: not estimated \(TimeoutError\)\.\n\nApprove:/);
    expect(two.world.agreedUsd).toBeUndefined();
  });

  test('of a part of a canary was weighed with the canary', async () => {
    const { world, ask } = billed(0);
    world.agreedUsd = 1;
    expect(await ask('part', { within: `${executionsArn}canary:run` })).toMatchObject({ required: 0 });
  });
});

describe('the table', () => {
  let world: CloudWorld;
  let front: Front;
  let client: DynamoDBClient;
  beforeAll(async () => {
    const models: ServiceModel[] = [];
    world = createWorld({
      seed: 1, accountId: '111111111111', regions: ['us-east-1'],
      services: (made) => {
        models.push(dynamodb(made));
        return models;
      },
      latencies: { dynamodbReadMs: 1, dynamodbWriteMs: 2 },
    });
    front = await startFront(world);
    await models[0]?.resources?.['AWS::DynamoDB::GlobalTable']?.({
      type: 'AWS::DynamoDB::GlobalTable', logicalId: 'Approvals', stackName: 'test', region: 'us-east-1', generatedName: 'approvals',
      properties: {
        TableName: 'approvals', BillingMode: 'PAY_PER_REQUEST', Replicas: [{ Region: 'us-east-1' }],
        KeySchema: [{ AttributeName: 'execution', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'execution', AttributeType: 'S' }],
      },
    });
    client = new DynamoDBClient({ region: 'us-east-1', endpoint: world.endpoint, credentials: world.operator.credentials });
  });
  afterAll(async () => {
    client.destroy();
    await world.close();
    await front.close();
  });

  test('counts everybody who speaks at the same instant, once', async () => {
    const { open, decide, look } = desk(approvalTable(client, 'approvals'), 3);
    await open();
    const answers = await Promise.all(['grace', 'edsger', 'barbara', 'ada', 'mallory', 'grace'].map((who) => decide(who)));
    expect(answers.filter(({ accepted }) => accepted)).toHaveLength(3);
    const { state, approvedBy } = await look();
    expect(state).toBe('approved');
    expect(approvedBy.toSorted()).toEqual(['barbara', 'edsger', 'grace'].map(arnOf));
  });

  test('keeps the bill that was agreed to', async () => {
    const agreed = agreedBill(client, 'approvals');
    expect(await agreed.read()).toBeUndefined();
    await agreed.write(612.345);
    await agreed.write(612.5);
    expect(await agreed.read()).toBe(612.5);
    await expect(agreedBill(client, 'nosuch').read()).rejects.toBeInstanceOf(ApprovalsUnreachableError);
  });

  test('that does not answer is said to be away', async () => {
    await expect(approvalTable(client, 'nosuch').read('x')).rejects.toBeInstanceOf(ApprovalsUnreachableError);
    await expect(desk(approvalTable(client, 'nosuch')).open()).rejects.toThrow(/does not answer: ResourceNotFoundException/);
  });
});
