/**
 * A world that judges, seen through unmodified clients: what a role's policies do not allow is refused in the words of
 * each service, and what was decided is kept.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DescribeImagesCommand, ECRClient } from '@aws-sdk/client-ecr';
import { DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startFront, type Front } from '../../../rehearsal/cloud/front.ts';
import { awsService, type CreatedResource } from '../../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { judgeRecorded, type Judge, type RecordedAccess } from '../../../rehearsal/permissions/judge.ts';
import { gather } from '../../../rehearsal/permissions/record.ts';
import { dynamodb } from '../../../rehearsal/services/dynamodb.ts';
import { ecr } from '../../../rehearsal/services/ecr.ts';
import { iam } from '../../../rehearsal/services/iam.ts';
import { kms } from '../../../rehearsal/services/kms.ts';
import { lambdaModel } from '../../../rehearsal/services/lambda.ts';
import { s3 } from '../../../rehearsal/services/s3.ts';
import { secretsmanager } from '../../../rehearsal/services/secretsmanager.ts';
import { sns } from '../../../rehearsal/services/sns.ts';
import { ssm } from '../../../rehearsal/services/ssm.ts';
import { statesModel } from '../../../rehearsal/services/states.ts';
import { sts } from '../../../rehearsal/services/sts.ts';

const accountId = '111122223333';
const region = 'us-east-1';
let world: CloudWorld;
let front: Front;
let invoked: number;

beforeEach(async () => {
  invoked = 0;
  world = createWorld({
    seed: 7, accountId, regions: [region], judged: true, latencies: { dynamodbReadMs: 0, dynamodbWriteMs: 0 },
    services: (made) => [
      ...[dynamodb, ecr, iam, kms, s3, secretsmanager, sns, ssm, sts].map((model) => model(made)),
      { service: 'rds', operations: { DescribeDBInstances: () => ({ DBInstances: [] }) } },
      { ...lambdaModel(made, { assetDirectory: () => '/nowhere' }), operations: { Invoke: () => ({ StatusCode: 202, at: (invoked += 1) }) } },
      statesModel(made),
    ],
  });
  front = await startFront(world);
});
afterEach(async () => {
  await world.close();
  await front.close();
});

const judge = (): Judge => world.judge as Judge;

/** As CloudFormation makes it. */
async function create(type: string, logicalId: string, properties: Record<string, unknown>): Promise<CreatedResource> {
  const request = { type, logicalId, stackName: 'stack', region, generatedName: `stack-${logicalId}-ABCDEF`, properties };
  const inert = { ref: logicalId, attributes: {} };
  const handler = world.models().flatMap((model) => model.resources?.[type] ?? [])[0];
  const made = handler ? await handler(request) : inert;
  world.resourceCreated(request, made);
  return made;
}

type Statement = Record<string, unknown>;
const documentOf = (...statements: Statement[]) => ({ Version: '2012-10-17', Statement: statements });
const allow = (Action: unknown, Resource: unknown, more: Statement = {}): Statement => ({ Effect: 'Allow', Action, Resource, ...more });
const trusts = (service: string, Condition?: Statement) =>
  documentOf({ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: service }, ...(Condition && { Condition }) });

async function role(name: string, statements: Statement[], more: Record<string, unknown> = {}): Promise<string> {
  const { attributes } = await create('AWS::IAM::Role', name, {
    RoleName: name, AssumeRolePolicyDocument: trusts('lambda.amazonaws.com'), Policies: [{ PolicyName: 'own', PolicyDocument: documentOf(...statements) }], ...more,
  });
  return String(attributes['Arn']);
}
const as = (roleArn: string) => ({ endpoint: front.endpoint, region, credentials: world.credentialsFor(roleArn), maxAttempts: 1 });
const makeTable = (): Promise<CreatedResource> =>
  create('AWS::DynamoDB::GlobalTable', 'Lease', {
    TableName: 'lease', KeySchema: [{ AttributeName: 'book', KeyType: 'HASH' }], AttributeDefinitions: [{ AttributeName: 'book', AttributeType: 'S' }],
    Replicas: [{ Region: region }],
  });
const get = (roleArn: string, book = 'alpha') =>
  new DynamoDBClient(as(roleArn)).send(new GetItemCommand({ TableName: 'lease', Key: { book: { S: book } } }));
const tableArn = `arn:aws:dynamodb:${region}:${accountId}:table/lease`;

describe('keys', () => {
  test("a role's key is temporary: it is worth something only with its token", async () => {
    const arn = await role('reader', []);
    const { sessionToken, ...withoutToken } = world.credentialsFor(arn);
    expect(withoutToken.accessKeyId).toMatch(/^ASIA[0-9A-F]{16}$/);
    const whoAmI = (credentials: typeof withoutToken & { sessionToken?: string }) =>
      new STSClient({ endpoint: front.endpoint, region, credentials, maxAttempts: 1 }).send(new GetCallerIdentityCommand({}));
    expect((await whoAmI({ ...withoutToken, ...(sessionToken !== undefined && { sessionToken }) })).Arn).toBe(
      `arn:aws:sts::${accountId}:assumed-role/reader/local`,
    );
    await expect(whoAmI(withoutToken)).rejects.toMatchObject({ name: 'InvalidClientTokenId', $metadata: { httpStatusCode: 403 } });
    await expect(whoAmI({ ...withoutToken, sessionToken: 'x' })).rejects.toThrow('The security token included in the request is invalid.');
    expect(world.operator.credentials).toMatchObject({ accessKeyId: expect.stringMatching(/^AKIA/) });
    expect(world.operator.credentials.sessionToken).toBeUndefined();
  });

  test('a key that nobody was given, in the words of each protocol', async () => {
    const stranger = { endpoint: front.endpoint, region, credentials: { accessKeyId: 'AKIASTRANGER', secretAccessKey: 'x' }, maxAttempts: 1 };
    await expect(new SSMClient(stranger).send(new GetParameterCommand({ Name: '/p' }))).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
    await expect(new S3Client({ ...stranger, forcePathStyle: true }).send(new GetObjectCommand({ Bucket: 'b', Key: 'k' }))).rejects.toMatchObject({
      name: 'InvalidAccessKeyId', $metadata: { httpStatusCode: 403 },
    });
    await expect(new RDSClient(stranger).send(new DescribeDBInstancesCommand({}))).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
  });
});

describe('refusals', () => {
  const session = `arn:aws:sts::${accountId}:assumed-role/nobody/local`;
  const why = (action: string, resource: string): string =>
    `User: ${session} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`;
  beforeEach(makeTable);

  test.each([
    ['dynamodb', 'AccessDeniedException', 400, (arn: string) => get(arn), 'dynamodb:GetItem', tableArn],
    ['ecr', 'AccessDeniedException', 400, (arn: string) => new ECRClient(as(arn)).send(new DescribeImagesCommand({ repositoryName: 'r' })), 'ecr:DescribeImages', `arn:aws:ecr:${region}:${accountId}:repository/r`],
    ['sns', 'AuthorizationErrorException', 403, (arn: string) => new SNSClient(as(arn)).send(new PublishCommand({ TopicArn: 'arn:aws:sns:us-east-1:111122223333:t', Message: 'm' })), 'sns:Publish', 'arn:aws:sns:us-east-1:111122223333:t'],
    ['rds', 'AccessDenied', 403, (arn: string) => new RDSClient(as(arn)).send(new DescribeDBInstancesCommand({})), 'rds:DescribeDBInstances', `arn:aws:rds:${region}:${accountId}:db:*`],
    ['s3', 'AccessDenied', 403, (arn: string) => new S3Client({ ...as(arn), forcePathStyle: true }).send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: 'x' })), 's3:PutObject', 'arn:aws:s3:::b/k'],
    ['secretsmanager', 'AccessDeniedException', 400, (arn: string) => new SecretsManagerClient(as(arn)).send(new GetSecretValueCommand({ SecretId: 's' })), 'secretsmanager:GetSecretValue', `arn:aws:secretsmanager:${region}:${accountId}:secret:s-??????`],
  ])("%s answers %s with status %i and AWS's sentence, and the scenario learns of it", async (_service, name, httpStatusCode, call, action, resource) => {
    const arn = await role('nobody', []);
    await expect(call(arn)).rejects.toMatchObject({ name, message: why(action, resource), $metadata: { httpStatusCode } });
    expect(judge().surprises).toEqual([
      { role: 'nobody', action, resource, reason: `because no identity-based policy allows the ${action} action` },
    ]);
    expect(judge().recorded).toEqual([]);
  });

  test('an operation that nobody mapped is refused to a role, and not to an administrator', async () => {
    const arn = await role('all', [allow('*', '*')]);
    const list = (caller: typeof world.operator.caller) => world.call({ service: 'dynamodb', operation: 'ListTables', region, caller, input: {} });
    await expect(list(world.callerFor(arn))).rejects.toThrow('nobody said what this operation asks permission for');
    await expect(list(world.operator.caller)).resolves.toEqual({ TableNames: ['lease'] });
  });

  test('a refused call changes nothing', async () => {
    const arn = await role('reader', [allow('dynamodb:GetItem', tableArn)]);
    const put = new DynamoDBClient(as(arn)).send(new PutItemCommand({ TableName: 'lease', Item: { book: { S: 'alpha' } } }));
    await expect(put).rejects.toMatchObject({ name: 'AccessDeniedException' });
    expect((await get(arn)).Item).toBeUndefined();
  });

  test('a managed policy that no template makes is not known: it allows nothing, and that is said', async () => {
    const arn = await role('managed', [], { ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] });
    await expect(get(arn)).rejects.toMatchObject({ name: 'AccessDeniedException' });
    expect(judge().surprises[0]?.reason).toContain('not known: the managed policy arn:aws:iam::aws:policy/AdministratorAccess is not known');
  });

  test('a role that nobody made may do nothing', async () => {
    await expect(get(`arn:aws:iam::${accountId}:role/imported`)).rejects.toMatchObject({ name: 'AccessDeniedException' });
    expect(judge().surprises[0]?.reason).toContain('role/imported is not known: neither a template nor a scenario makes it');
    expect(world.mayAssume(`arn:aws:iam::${accountId}:role/imported`, 'lambda.amazonaws.com', 'arn:aws:lambda:::f')).toBe(false);
  });

  test('a managed policy of a template counts, as policy and as boundary', async () => {
    const { ref } = await create('AWS::IAM::ManagedPolicy', 'Boundary', {
      ManagedPolicyName: 'boundary', PolicyDocument: documentOf(allow('*', '*'), { Effect: 'Deny', Action: 'dynamodb:GetItem', Resource: '*' }),
    });
    const bounded = await role('bounded', [allow('dynamodb:*', '*')], { PermissionsBoundary: ref });
    await expect(get(bounded)).rejects.toThrow('with an explicit deny in a permissions boundary');
    const other = await create('AWS::IAM::ManagedPolicy', 'Reads', { PolicyDocument: documentOf(allow('dynamodb:GetItem', '*')) });
    await expect(get(await role('reads', [], { ManagedPolicyArns: [other.ref] }))).resolves.toBeDefined();
    const lost = await role('lost', [allow('dynamodb:*', '*')], { PermissionsBoundary: 'arn:aws:iam::aws:policy/PowerUserAccess' });
    await expect(get(lost)).rejects.toThrow('because no permissions boundary allows');
  });

  test('a scenario that proves a refusal expects it; one that does not come is a surprise too', async () => {
    const arn = await role('trader', [allow('dynamodb:GetItem', tableArn)]);
    judge().expectRefusal({ role: /^trader$/, action: 'dynamodb:PutItem' });
    expect(judge().surprises).toEqual([{ role: '^trader$', action: 'dynamodb:PutItem', resource: '*', reason: 'was to be refused, and was not' }]);
    const put = new DynamoDBClient(as(arn)).send(new PutItemCommand({ TableName: 'lease', Item: { book: { S: 'a' } } }));
    await expect(put).rejects.toThrow('is not authorized');
    expect(judge().surprises).toEqual([]);
  });
});

describe('what is used', () => {
  test('each grant that let a call through is used, and what was decided can be judged again, with and without it', async () => {
    await makeTable();
    const ofAlpha = { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['alpha'] }, Null: { 'dynamodb:LeadingKeys': 'false' } };
    const arn = await role('trader', [allow(['dynamodb:GetItem', 'dynamodb:Scan'], tableArn, { Condition: ofAlpha })]);
    await get(arn);
    await get(arn);
    await expect(get(arn, 'beta')).rejects.toThrow('is not authorized');
    expect(judge().recorded).toEqual([
      { roleArn: arn, region, action: 'dynamodb:GetItem', resource: tableArn, context: { 'dynamodb:LeadingKeys': ['alpha'] } },
    ]);
    const ofRole = judge().unusedGrants().filter((grant) => grant.role === 'trader');
    expect(ofRole).toEqual([{ role: 'trader', action: 'dynamodb:Scan', resource: tableArn }]);

    const [recorded] = judge().recorded;
    const { policies } = judge();
    const again = judgeRecorded(recorded!, policies, accountId).decision;
    expect(again.allowed).toBe(true);
    expect(judgeRecorded(recorded!, policies, accountId, { without: again.grants[0]! }).decision.allowed).toBe(false);
  });

  test('what an administrator does uses no grant of a role', async () => {
    await makeTable();
    await role('trader', [allow('dynamodb:GetItem', tableArn)]);
    await world.call({ service: 'dynamodb', operation: 'GetItem', region, caller: world.operator.caller, input: { TableName: 'lease', Key: { book: { S: 'a' } } } });
    expect(judge().recorded).toEqual([]);
    expect(judge().unusedGrants().map(({ action }) => action)).toContain('dynamodb:GetItem');
  });
});

describe('keys of KMS', () => {
  const root = { AWS: `arn:aws:iam::${accountId}:root` };
  async function encrypted(keyPolicy: Statement[]): Promise<{ key: string; topic: string; secret: string }> {
    const { attributes } = await create('AWS::KMS::Key', 'Key', { KeyPolicy: documentOf(...keyPolicy) });
    const key = String(attributes['Arn']);
    const { ref: topic } = await create('AWS::SNS::Topic', 'Topic', { TopicName: 'notices', KmsMasterKeyId: key });
    const { ref: secret } = await create('AWS::SecretsManager::Secret', 'Secret', { Name: 'venue', KmsKeyId: key, SecretString: 's' });
    return { key, topic, secret };
  }
  const publish = (arn: string, TopicArn: string) => new SNSClient(as(arn)).send(new PublishCommand({ TopicArn, Message: 'm' }));
  const read = (arn: string, SecretId: string) => new SecretsManagerClient(as(arn)).send(new GetSecretValueCommand({ SecretId }));

  test('who publishes to an encrypted topic needs its key, both ways', async () => {
    const { key, topic } = await encrypted([{ Effect: 'Allow', Action: 'kms:*', Resource: '*', Principal: root }]);
    const withKey = await role('with', [allow('sns:Publish', topic), allow(['kms:GenerateDataKey', 'kms:Decrypt'], key)]);
    await expect(publish(withKey, topic)).resolves.toHaveProperty('MessageId');
    for (const lacking of ['kms:GenerateDataKey', 'kms:Decrypt']) {
      const has = ['kms:GenerateDataKey', 'kms:Decrypt'].filter((action) => action !== lacking);
      const without = await role(`without-${lacking.slice(4)}`, [allow('sns:Publish', topic), allow(has, key)]);
      await expect(publish(without, topic)).rejects.toMatchObject({ name: 'KMSAccessDeniedException', message: expect.stringContaining(lacking) });
    }
  });

  test('a condition on the service lets the key be used through that service only', async () => {
    const { key, topic, secret } = await encrypted([{ Effect: 'Allow', Action: 'kms:*', Resource: '*', Principal: root }]);
    const Condition = { StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` } };
    const arn = await role('task', [allow(['secretsmanager:GetSecretValue', 'sns:Publish'], '*'), allow('kms:*', key, { Condition })]);
    await expect(read(arn, 'venue')).resolves.toMatchObject({ SecretString: 's', ARN: secret });
    await expect(publish(arn, topic)).rejects.toMatchObject({ name: 'KMSAccessDeniedException' });
  });

  test('a key policy that does not hand on to the account makes every identity policy worthless', async () => {
    const { key } = await encrypted([{ Effect: 'Allow', Action: 'kms:*', Resource: '*', Principal: { AWS: '999999999999' } }]);
    const arn = await role('task', [allow('secretsmanager:GetSecretValue', '*'), allow('kms:*', key)]);
    await expect(read(arn, 'venue')).rejects.toThrow('Access to KMS is not allowed');
    await expect(read(arn, 'venue')).rejects.toThrow('because no resource-based policy allows the kms:Decrypt action');
  });

  test('an alarm may publish when topic and key both let the service of alarms in, for this account', async () => {
    const service = { Service: 'cloudwatch.amazonaws.com' };
    const Condition = { StringEquals: { 'aws:SourceAccount': accountId } };
    const { topic } = await encrypted([{ Effect: 'Allow', Action: ['kms:Decrypt', 'kms:GenerateDataKey*'], Resource: '*', Principal: service, Condition }]);
    const asAlarm = (of: string) =>
      world.call({
        service: 'sns', operation: 'Publish', region, caller: awsService(of, `arn:aws:cloudwatch:${region}:${accountId}:alarm:a`),
        input: { TopicArn: topic, Message: 'm' },
      });
    await expect(asAlarm('cloudwatch.amazonaws.com')).rejects.toThrow('because no resource-based policy allows the sns:Publish action');
    await create('AWS::SNS::TopicPolicy', 'TopicPolicy', { Topics: [topic], PolicyDocument: documentOf(allow('sns:Publish', topic, { Principal: service, Condition })) });
    await expect(asAlarm('cloudwatch.amazonaws.com')).resolves.toHaveProperty('MessageId');
    await expect(asAlarm('budgets.amazonaws.com')).rejects.toThrow('is not authorized');
  });
});

describe('services of AWS', () => {
  const functionArn = `arn:aws:lambda:${region}:${accountId}:function:net`;
  const ruleArn = `arn:aws:events:${region}:${accountId}:rule/net`;
  const invoke = (sourceArn = ruleArn) =>
    world.call({
      service: 'lambda', operation: 'Invoke', region, caller: awsService('events.amazonaws.com', sourceArn), input: { FunctionName: functionArn, InvocationType: 'Event' },
    });

  test('a rule invokes a function only when the function permits that rule', async () => {
    await expect(invoke()).rejects.toMatchObject({ name: 'AccessDeniedException' });
    await create('AWS::Lambda::Permission', 'P', { Action: 'lambda:InvokeFunction', FunctionName: functionArn, Principal: 'events.amazonaws.com', SourceArn: ruleArn });
    await expect(invoke()).resolves.toBeDefined();
    await expect(invoke(`${ruleArn}-other`)).rejects.toMatchObject({ name: 'AccessDeniedException' });
    expect(invoked).toBe(1);
    expect(judge().recorded).toEqual([{ service: 'events.amazonaws.com', sourceArn: ruleArn, region, action: 'lambda:InvokeFunction', resource: functionArn }]);
  });

  const makeFunction = (Role: string) =>
    create('AWS::Lambda::Function', 'F', { FunctionName: 'f', Runtime: 'nodejs24.x', Handler: 'index.handler', Code: { S3Bucket: 'b', S3Key: 'k' }, Role });
  const makeMachine = (RoleArn: string) =>
    create('AWS::StepFunctions::StateMachine', 'M', {
      StateMachineName: 'm', RoleArn, DefinitionString: JSON.stringify({ QueryLanguage: 'JSONata', StartAt: 'End', States: { End: { Type: 'Succeed' } } }),
    });

  test('a function and a machine are not made with a role that does not trust their service', async () => {
    await expect(makeFunction(await role('of-states', [], { AssumeRolePolicyDocument: trusts('states.amazonaws.com') }))).rejects.toThrow(
      'The role defined for the function cannot be assumed by Lambda.',
    );
    await expect(makeFunction(await role('of-lambda', []))).resolves.toBeDefined();
    const ofLambda = await role('of-lambda-too', []);
    await expect(makeMachine(ofLambda)).rejects.toThrow('is authorized to assume the provided role');
  });

  test('a trust that names what the service acts for holds for that alone', async () => {
    const only = (name: string) => trusts('states.amazonaws.com', { ArnLike: { 'aws:SourceArn': `arn:aws:states:${region}:${accountId}:stateMachine:${name}` } });
    await expect(makeMachine(await role('another', [], { AssumeRolePolicyDocument: only('n') }))).rejects.toThrow('is authorized to assume');
    await expect(makeMachine(await role('this', [], { AssumeRolePolicyDocument: only('m') }))).resolves.toBeDefined();
  });

  test('a bucket policy that denies what is not encrypted on its way denies nothing here, and any other denial counts', async () => {
    await create('AWS::S3::Bucket', 'B', { BucketName: 'reports' });
    const insecure = { Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: '*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } };
    await create('AWS::S3::BucketPolicy', 'BP', { Bucket: 'reports', PolicyDocument: documentOf(insecure) });
    const arn = await role('writer', [allow('s3:PutObject', 'arn:aws:s3:::reports/cutovers/*')]);
    const put = (Key: string) => new S3Client({ ...as(arn), forcePathStyle: true }).send(new PutObjectCommand({ Bucket: 'reports', Key, Body: 'x' }));
    await expect(put('cutovers/a')).resolves.toBeDefined();
    await expect(put('other/a')).rejects.toMatchObject({ name: 'AccessDenied' });
    await create('AWS::S3::BucketPolicy', 'BP2', { Bucket: 'reports', PolicyDocument: documentOf({ Effect: 'Deny', Principal: '*', Action: 's3:PutObject', Resource: '*' }) });
    await expect(put('cutovers/b')).rejects.toThrow('with an explicit deny in a resource-based policy');
  });

  test('a condition on how a call is made is judged by its input', async () => {
    const arn = await role('writer', [allow('ssm:PutParameter', '*', { Condition: { StringEquals: { 'ssm:Overwrite': 'true' } } })]);
    const put = (Overwrite: boolean) => new SSMClient(as(arn)).send(new PutParameterCommand({ Name: '/p', Value: 'v', Type: 'String', Overwrite }));
    await expect(put(false)).rejects.toMatchObject({ name: 'AccessDeniedException' });
    await expect(put(true)).resolves.toBeDefined();
  });
});

test("a machine sees a refusal as Step Functions shows it, and its catcher decides", async () => {
  const { ref: topic } = await create('AWS::SNS::Topic', 'Topic', { TopicName: 'notices' });
  const roleArn = await role('machine', [], { AssumeRolePolicyDocument: trusts('states.amazonaws.com') });
  const tell = {
    Type: 'Task', Resource: 'arn:aws:states:::sns:publish', Arguments: { TopicArn: topic, Message: 'm' }, End: true,
    Catch: [{ ErrorEquals: ['SNS.AuthorizationErrorException'], Output: '{% $states.errorOutput.Cause %}', Next: 'Caught' }],
  };
  const { ref: stateMachineArn } = await create('AWS::StepFunctions::StateMachine', 'M', {
    StateMachineName: 'teller', RoleArn: roleArn,
    DefinitionString: JSON.stringify({ QueryLanguage: 'JSONata', StartAt: 'Tell', States: { Tell: tell, Caught: { Type: 'Succeed' } } }),
  });
  const asOperator = async (operation: string, input: Record<string, unknown>) =>
    (await world.call({ service: 'states', operation, region, caller: world.operator.caller, input })) as Record<string, string>;
  const { executionArn } = await asOperator('StartExecution', { stateMachineArn, input: '{}' });
  await expect.poll(async () => (await asOperator('DescribeExecution', { executionArn }))['status']).toBe('SUCCEEDED');
  const { output } = await asOperator('DescribeExecution', { executionArn });
  expect(output).toContain(`assumed-role/machine/local is not authorized to perform: sns:Publish on resource: ${topic} because`);
  expect(judge().surprises.map(({ role: who, action }) => [who, action])).toEqual([['machine', 'sns:Publish']]);
});

describe('recordings', () => {
  const directories: string[] = [];
  afterEach(() => Promise.all(directories.splice(0).map((name) => rm(name, { recursive: true }))));
  const written = async (...accesses: RecordedAccess[]): Promise<string> => {
    const directory = await mkdtemp(join(tmpdir(), 'baton-recorded-'));
    directories.push(directory);
    await mkdir(join(directory, 'cutover+fault'));
    await writeFile(join(directory, 'cutover+fault', 'accesses.json'), JSON.stringify(accesses));
    return directory;
  };
  const snapshot = (name: string): RecordedAccess => ({ roleArn: 'r', region, action: 'rds:CreateDBSnapshot', resource: `arn:aws:rds:us-east-1:1:snapshot:baton-${name}` });

  test('of several rehearsals become one: what differs in drawn names only stands once', async () => {
    const [one, other] = [await written(snapshot('alpha-d057aba1'), snapshot('beta-d057aba1')), await written(snapshot('alpha-99887766'))];
    expect(await gather([one, other])).toEqual([snapshot('alpha-99887766'), snapshot('beta-d057aba1')]);
    expect(await gather([other, one])).toEqual(await gather([one, other]));
  });
});

test('a world that judges wants the model of IAM', () => {
  expect(() => createWorld({ seed: 1, accountId, regions: [region], judged: true, services: () => [] })).toThrow('wants the model of IAM');
});
