/** A lease table in the local DynamoDB, and the secret of a venue's key, behind the front that real SDK clients talk to. */
import { startFront } from '../../rehearsal/cloud/front.ts';
import type { ServiceModel } from '../../rehearsal/cloud/model.ts';
import { createWorld } from '../../rehearsal/cloud/world.ts';
import { dynamodb } from '../../rehearsal/services/dynamodb.ts';
import { secretsmanager } from '../../rehearsal/services/secretsmanager.ts';

export interface LocalTable {
  readonly tableName: string;
  readonly region: string;
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Of the venue's key. */
  readonly secretArn: string;
  /** A new current version; answers its id. */
  putKey(key: Readonly<Record<string, string>>): Promise<string>;
  close(): Promise<void>;
}

export async function startLocalTable(latencies: { dynamodbReadMs: number; dynamodbWriteMs: number }): Promise<LocalTable> {
  const region = 'us-east-1';
  const tableName = 'baton-test-lease';
  const models: ServiceModel[] = [];
  const world = createWorld({
    seed: 1,
    accountId: '111111111111',
    regions: [region, 'us-west-2'],
    services: (made) => {
      models.push(dynamodb(made), secretsmanager(made));
      return models;
    },
    latencies,
  });
  const front = await startFront(world);
  const create = models[0]?.resources?.['AWS::DynamoDB::GlobalTable'];
  if (create === undefined) throw new Error('the local DynamoDB does not make global tables: see rehearsal/services/dynamodb.ts');
  await create({
    type: 'AWS::DynamoDB::GlobalTable', logicalId: 'Lease', stackName: 'test', region, generatedName: tableName,
    properties: {
      TableName: tableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'book', KeyType: 'HASH' }, { AttributeName: 'item', KeyType: 'RANGE' }],
      AttributeDefinitions: [{ AttributeName: 'book', AttributeType: 'S' }, { AttributeName: 'item', AttributeType: 'S' }],
      MultiRegionConsistency: 'STRONG',
      Replicas: [{ Region: region }, { Region: 'us-west-2' }],
      GlobalTableWitnesses: [{ Region: 'us-east-2' }],
    },
  });
  const { ref: secretArn } = (await models[1]?.resources?.['AWS::SecretsManager::Secret']?.({
    type: 'AWS::SecretsManager::Secret', logicalId: 'Key', stackName: 'test', region, generatedName: 'baton-test-key', properties: { Name: 'venue' },
  })) ?? { ref: '' };
  const putKey = async (key: Readonly<Record<string, string>>): Promise<string> => {
    const input = { SecretId: secretArn, SecretString: JSON.stringify(key) };
    const put = await world.call({ service: 'secretsmanager', operation: 'PutSecretValue', region, caller: world.operator.caller, input });
    return (put as { VersionId: string }).VersionId;
  };
  await putKey({ apiKey: 'first', secret: 'first-secret' });
  return {
    secretArn,
    putKey,
    tableName,
    region,
    endpoint: world.endpoint,
    credentials: world.operator.credentials,
    close: async () => {
      await world.close();
      await front.close();
    },
  };
}
