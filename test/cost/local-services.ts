/** DynamoDB and Cost Explorer as the handlers know them, on the models: by calls of this process, which ten thousand deliveries can make. */
import { ConditionalCheckFailedException, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { AwsError } from '../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../rehearsal/cloud/world.ts';
import { costExplorer, type CostExplorer } from '../../rehearsal/services/cost-explorer.ts';
import { dynamodb, type DynamoDb } from '../../rehearsal/services/dynamodb.ts';

export const region = 'us-east-1';
export const tableName = 'baton-test-cost-notices';

export interface LocalServices {
  readonly world: CloudWorld;
  readonly tables: DynamoDb;
  readonly costs: CostExplorer;
  readonly client: DynamoDBClient;
}

export async function startLocalServices(): Promise<LocalServices> {
  let tables: DynamoDb | undefined;
  const costs = costExplorer();
  const world = createWorld({
    seed: 1, accountId: '111111111111', regions: [region], latencies: { dynamodbReadMs: 0, dynamodbWriteMs: 0 },
    services: (made) => [(tables = dynamodb(made)), costs],
  });
  if (tables === undefined) throw new Error('the world made no tables');
  await tables.resources?.['AWS::DynamoDB::GlobalTable']?.({
    type: 'AWS::DynamoDB::GlobalTable', logicalId: 'Told', stackName: 'test', region, generatedName: tableName,
    properties: {
      TableName: tableName, BillingMode: 'PAY_PER_REQUEST', Replicas: [{ Region: region }],
      KeySchema: [{ AttributeName: 'notice', KeyType: 'HASH' }], AttributeDefinitions: [{ AttributeName: 'notice', AttributeType: 'S' }],
    },
  });
  const send = async ({ constructor, input }: { readonly constructor: { readonly name: string }; readonly input: Record<string, unknown> }): Promise<unknown> => {
    try {
      const operation = constructor.name.replace(/Command$/, '');
      return await world.call({ service: 'dynamodb', operation, region, caller: world.operator.caller, input });
    } catch (error) {
      if (!(error instanceof AwsError) || error.name !== 'ConditionalCheckFailedException') throw error;
      throw new ConditionalCheckFailedException({ message: error.message, $metadata: {}, ...error.data });
    }
  };
  return { world, tables, costs, client: { send } as unknown as DynamoDBClient };
}
