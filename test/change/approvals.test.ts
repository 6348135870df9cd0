/** Approvals: enough different people, none of them the requester, none twice, none late; whatever comes in between. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { approvalTable } from '../../lib/change/approval-table.ts';
import { ApprovalsUnreachableError, type ApprovalStore } from '../../lib/change/approvals.ts';
import { Secret } from '../../lib/secret.ts';
import { startFront, type Front } from '../../rehearsal/cloud/front.ts';
import type { ServiceModel } from '../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../rehearsal/cloud/world.ts';
import { dynamodb } from '../../rehearsal/services/dynamodb.ts';
import { arnOf, deskWith, memoryStore } from './desk.ts';

const executionsArn = 'arn:aws:states:us-east-1:111111111111:execution:baton-test-cutover';
const execution = `${executionsArn}:run`;

function desk(store: ApprovalStore, required = 2) {
  const { machine, ...people } = deskWith({ store, required, executionsArn, environment: 'test' });
  return {
    open: (who = 'ada', startedAt = 'noon') => machine.open({ execution, name: 'run', startedAt, proof: new Secret(people.request(who, 'run')) }),
    openWithoutProof: () => machine.open({ execution, name: 'run', startedAt: 'noon', proof: undefined }),
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
  expect(await desk(store, 0).openWithoutProof()).toEqual({ required: 0, requester: '', commands: '' });
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

  test('that does not answer is said to be away', async () => {
    await expect(approvalTable(client, 'nosuch').read('x')).rejects.toBeInstanceOf(ApprovalsUnreachableError);
    await expect(desk(approvalTable(client, 'nosuch')).open()).rejects.toThrow(/does not answer: ResourceNotFoundException/);
  });
});
