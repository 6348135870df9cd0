/** The SDK's clients of one Region, as their default credentials and endpoints have them. */
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EC2Client } from '@aws-sdk/client-ec2';
import { ECRClient } from '@aws-sdk/client-ecr';
import { ECSClient } from '@aws-sdk/client-ecs';
import { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { RDSClient } from '@aws-sdk/client-rds';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SNSClient } from '@aws-sdk/client-sns';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';

export interface Clients {
  readonly region: string;
  readonly cache: ElastiCacheClient;
  readonly containers: ECSClient;
  readonly database: RDSClient;
  readonly identity: STSClient;
  readonly images: ECRClient;
  readonly network: EC2Client;
  readonly notices: SNSClient;
  readonly parameters: SSMClient;
  readonly quotas: ServiceQuotasClient;
  readonly secrets: SecretsManagerClient;
  readonly stacks: CloudFormationClient;
  readonly tables: DynamoDBClient;
  destroy(): void;
}

export function clientsOf(region: string): Clients {
  const clients = {
    cache: new ElastiCacheClient({ region }),
    containers: new ECSClient({ region }),
    database: new RDSClient({ region }),
    identity: new STSClient({ region }),
    images: new ECRClient({ region }),
    network: new EC2Client({ region }),
    notices: new SNSClient({ region }),
    parameters: new SSMClient({ region }),
    quotas: new ServiceQuotasClient({ region }),
    secrets: new SecretsManagerClient({ region }),
    stacks: new CloudFormationClient({ region }),
    tables: new DynamoDBClient({ region }),
  };
  return {
    ...clients,
    region,
    destroy() {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}
