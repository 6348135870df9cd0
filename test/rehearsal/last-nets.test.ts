/**
 * The last nets catch: a lock that an execution leaves when it ends is given back by the synthesized rule on the execution's status
 * and its function, with the leave that they were synthesized with.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openInstallation, type Installation } from '../../rehearsal/installation.ts';
import { installationOf } from './installed.ts';
import { until } from '../until.ts';

let installation: Installation;
beforeAll(async () => {
  installation = await openInstallation(await installationOf('dev'));
}, 360_000);
afterAll(() => installation?.close());

const leaseKey = (): { TableName: string; Key: object } => ({
  TableName: installation.leaseTable, Key: { book: { S: installation.book.name }, item: { S: 'lease' } },
});
async function holderOfTheLock(): Promise<string | undefined> {
  const { Item } = await installation.operator<{ Item: { workflow: { M: { execution?: { S: string } } } } }>('dynamodb', 'GetItem', { ...leaseKey(), ConsistentRead: true });
  return Item.workflow.M.execution?.S;
}
const lockFor = (executionArn: string): Promise<unknown> =>
  installation.operator('dynamodb', 'UpdateItem', {
    ...leaseKey(), UpdateExpression: 'SET workflow.execution = :execution', ExpressionAttributeValues: { ':execution': { S: executionArn } },
  });

test.each(['cutover', 'resume', 'rollback', 'failover', 'switchover', 'failback', 'revoke-now'])('below the %s: what an execution leaves is given back', async (machine) => {
  const stateMachineArn = installation.machineArn(machine);
  const name = `leaves-its-lock-${machine}`;
  const executionArn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
  await lockFor(executionArn);
  expect(await holderOfTheLock()).toBe(executionArn);

  // Refused at once, before the machine has taken anything that it would give back itself.
  await installation.operator('states', 'StartExecution', { stateMachineArn, name, input: JSON.stringify({ book: installation.book.name }) });
  const { status, error } = await until(`the end of ${name}`, async () => {
    const seen = await installation.operator<{ status: string; error?: string }>('states', 'DescribeExecution', { executionArn });
    return seen.status !== 'RUNNING' && seen;
  });
  expect([status, error]).toEqual(['FAILED', 'Refused']);
  await until('the lock to be given back', async () => (await holderOfTheLock()) === undefined);
});
