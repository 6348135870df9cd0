/**
 * The services of the local AWS by signing name, each with the SDK client whose schemas describe its wire format.
 * A client package is loaded when a model of its service is registered.
 */
export interface SdkClientConfig {
  readonly region: string;
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly maxAttempts?: number;
  /** Of the client's own when absent. */
  readonly protocol?: unknown;
  /** Some operations put a prefix before the host's name, which 127.0.0.1 cannot carry. */
  readonly disableHostPrefix?: boolean;
  readonly logger?: Readonly<Record<'trace' | 'debug' | 'info' | 'warn' | 'error', () => void>>;
}
/** As much of a generated client as the front and its tests use. */
export interface SdkClient {
  readonly config: unknown;
  send(command: unknown): Promise<Record<string, unknown>>;
  destroy(): void;
}
export type SdkModule = Record<string, unknown>;
export interface SdkClientSource {
  readonly clientName: string;
  readonly load: () => Promise<unknown>;
}

export const sdkClients: Readonly<Record<string, SdkClientSource>> = {
  ce: { clientName: 'CostExplorerClient', load: () => import('@aws-sdk/client-cost-explorer') },
  backup: { clientName: 'BackupClient', load: () => import('@aws-sdk/client-backup') },
  cloudformation: { clientName: 'CloudFormationClient', load: () => import('@aws-sdk/client-cloudformation') },
  dynamodb: { clientName: 'DynamoDBClient', load: () => import('@aws-sdk/client-dynamodb') },
  ec2: { clientName: 'EC2Client', load: () => import('@aws-sdk/client-ec2') },
  ecr: { clientName: 'ECRClient', load: () => import('@aws-sdk/client-ecr') },
  ecs: { clientName: 'ECSClient', load: () => import('@aws-sdk/client-ecs') },
  elasticache: { clientName: 'ElastiCacheClient', load: () => import('@aws-sdk/client-elasticache') },
  events: { clientName: 'EventBridgeClient', load: () => import('@aws-sdk/client-eventbridge') },
  iam: { clientName: 'IAMClient', load: () => import('@aws-sdk/client-iam') },
  kms: { clientName: 'KMSClient', load: () => import('@aws-sdk/client-kms') },
  lambda: { clientName: 'LambdaClient', load: () => import('@aws-sdk/client-lambda') },
  logs: { clientName: 'CloudWatchLogsClient', load: () => import('@aws-sdk/client-cloudwatch-logs') },
  monitoring: { clientName: 'CloudWatchClient', load: () => import('@aws-sdk/client-cloudwatch') },
  rds: { clientName: 'RDSClient', load: () => import('@aws-sdk/client-rds') },
  s3: { clientName: 'S3Client', load: () => import('@aws-sdk/client-s3') },
  scheduler: { clientName: 'SchedulerClient', load: () => import('@aws-sdk/client-scheduler') },
  secretsmanager: { clientName: 'SecretsManagerClient', load: () => import('@aws-sdk/client-secrets-manager') },
  servicequotas: { clientName: 'ServiceQuotasClient', load: () => import('@aws-sdk/client-service-quotas') },
  sns: { clientName: 'SNSClient', load: () => import('@aws-sdk/client-sns') },
  ssm: { clientName: 'SSMClient', load: () => import('@aws-sdk/client-ssm') },
  states: { clientName: 'SFNClient', load: () => import('@aws-sdk/client-sfn') },
  sts: { clientName: 'STSClient', load: () => import('@aws-sdk/client-sts') },
};

export async function loadSdk(signingName: string): Promise<SdkModule> {
  const source = sdkClients[signingName];
  if (!source) throw new Error(`no SDK client is known for the service '${signingName}'; add it to rehearsal/cloud/sdk-clients.ts`);
  return (await source.load()) as SdkModule;
}

export function newClient(sdk: SdkModule, signingName: string, config: SdkClientConfig): SdkClient {
  const name = sdkClients[signingName]?.clientName ?? '';
  const Client = sdk[name] as new (config: SdkClientConfig) => SdkClient;
  return new Client(config);
}
