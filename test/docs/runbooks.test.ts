/** What a runbook gives people to paste works: inputs are valid for their machines, and the halt by hand is the halt. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient, UpdateItemCommand, type UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import type * as z from 'zod/mini';
import { BudgetResponseRequest } from '../../lib/contracts/budget-response.ts';
import { CutoverRequest } from '../../lib/contracts/cutover.ts';
import { HaltRequest, KeyRequest, ResumeRequest, RollbackRequest } from '../../lib/contracts/operations.ts';
import { FailoverRequest } from '../../lib/contracts/recovery.ts';
import { RefreshRequest } from '../../lib/contracts/standby.ts';
import { SwitchoverRequest } from '../../lib/contracts/switchover.ts';
import { DrillRequest } from '../../lib/contracts/drill.ts';
import { VerificationRequest } from '../../lib/contracts/verification.ts';
import { haltOf, LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import type { BookName } from '../../lib/lease/model.ts';
import { renderWrite } from '../../lib/lease/update.ts';
import { startLocalTable } from '../lease/local-table.ts';

const folder = join(import.meta.dirname, '..', '..', 'docs', 'runbooks');
const pages = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
const contracts: Readonly<Record<string, z.ZodMiniType>> = {
  canary: CutoverRequest, cutover: CutoverRequest, halt: HaltRequest, resume: ResumeRequest, rollback: RollbackRequest,
  failover: FailoverRequest, switchover: SwitchoverRequest, failback: SwitchoverRequest, 'refresh-standby': RefreshRequest,
  'backup-verification': VerificationRequest,
  'dr-drill': DrillRequest,
  'revoke-now': KeyRequest, 'replace-key': KeyRequest,
  'budget-response': BudgetResponseRequest,
};

/** Commands that begin a line, with what stands on the lines that continue them. */
function commandsIn(text: string): string[] {
  return [...text.matchAll(/^ {4,}(aws [^\n]*(?:\n(?: {4,}|$)[^\n]*)*)/gm)].map(([, command = '']) => command);
}

/** What a shell makes of it: the arguments, as the program gets them. */
function argumentsOf(command: string): string[] {
  const printed = execFileSync('bash', ['-c', `aws() { printf '%s\\0' "$@"; }; ${command}`], { encoding: 'utf8' });
  return printed.split('\0').slice(0, -1);
}

function option(args: readonly string[], name: string): string {
  const value = args[args.indexOf(`--${name}`) + 1];
  if (!args.includes(`--${name}`) || value === undefined) throw new Error(`no --${name} in ${args.join(' ')}`);
  return value;
}

const inputs = pages.flatMap(({ name, text }) => [
  ...commandsIn(filled(text)).filter((command) => command.includes('start-execution')).map((command) => {
    const args = argumentsOf(command);
    return { page: name, machine: option(args, 'state-machine-arn').replace(/^.*:baton-[a-z0-9]+-/, ''), input: option(args, 'input') };
  }),
  // An input on its own is one of the page's machine.
  ...[...filled(text).matchAll(/^ {4}(\{\n(?: {4}[^\n]*\n)*? {4}\})/gm)].map(([, input = '']) => ({ page: name, machine: name.replace('.md', ''), input })),
]);

/** Placeholders as somebody would fill them. */
function filled(text: string): string {
  return text
    .replaceAll('sha256:<64 hex digits>', `sha256:${'a'.repeat(64)}`)
    .replaceAll('<environment>', 'dev').replaceAll('<account>', '111111111111').replaceAll('<book>', 'alpha')
    .replaceAll('<standby Region>', 'us-west-2').replaceAll('<why>', 'a test').replaceAll('<you>', 'ada');
}

describe('the inputs in the runbooks', () => {
  test('there is one for each machine', () => {
    expect([...new Set(inputs.map(({ machine }) => machine))].toSorted()).toEqual(Object.keys(contracts).toSorted());
  });

  test.each(inputs)('$page: an input of $machine is valid', ({ machine, input }) => {
    const parsed = contracts[machine]!.safeParse(JSON.parse(input));
    expect(parsed.error?.issues ?? []).toEqual([]);
  });
});

test('the halt by hand, pasted, is the write of the machine, and halts the book', async () => {
  const command = commandsIn(filled(pages.find(({ name }) => name === 'halt.md')!.text)).find((each) => each.includes('update-item'))!;
  const args = argumentsOf(command);
  const input: UpdateItemCommandInput = {
    TableName: option(args, 'table-name'),
    Key: JSON.parse(option(args, 'key')) as never,
    ConditionExpression: option(args, 'condition-expression'),
    UpdateExpression: option(args, 'update-expression'),
    ExpressionAttributeNames: JSON.parse(option(args, 'expression-attribute-names')) as never,
    ExpressionAttributeValues: JSON.parse(option(args, 'expression-attribute-values')) as never,
  };
  expect(args.slice(0, 2)).toEqual(['dynamodb', 'update-item']);
  const book = 'alpha' as BookName;
  const sent = renderWrite('baton-dev-lease', haltOf(book, { reason: 'a test', by: 'ada' }));
  expect(resolved(input)).toEqual(resolved(sent));

  const table = await startLocalTable({ dynamodbReadMs: 0, dynamodbWriteMs: 0 });
  try {
    const { tableName, region, endpoint, credentials } = table;
    const client = new DynamoDBClient({ region, endpoint, credentials });
    const store = new DynamoLeaseStore({ client, tableName });
    const control = new LeaseControl(store);
    await control.createBook({ book, home: 'us-east-1', leaseMs: 5000 });
    const { token } = await control.takeWorkflow(book, 'a cutover');
    await control.open(book, token);
    await client.send(new UpdateItemCommand({ ...input, TableName: tableName }));
    expect(await control.read(book)).toMatchObject({ mode: 'halted', halt: { reason: 'a test', by: 'ada' }, workflow: { execution: 'a cutover' } });
    const elsewhere = { ...input, TableName: tableName, Key: { ...input.Key, book: { S: 'nosuch' } } };
    await expect(client.send(new UpdateItemCommand(elsewhere))).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
  } finally {
    await table.close();
  }
});

/** The same whatever its placeholders are called. */
function resolved({ TableName, Key, ConditionExpression, UpdateExpression, ExpressionAttributeNames: names, ExpressionAttributeValues: values }: UpdateItemCommandInput): unknown {
  const words = (expression = ''): string => expression
    .replaceAll(/#\w+/g, (name) => names?.[name] ?? name)
    .replaceAll(/:\w+/g, (value) => JSON.stringify(values?.[value] ?? value));
  return { TableName, Key, ConditionExpression: words(ConditionExpression), UpdateExpression: words(UpdateExpression) };
}
