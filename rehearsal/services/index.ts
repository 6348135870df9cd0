/** Every service of the local AWS besides those that the caller makes because it watches them. */
import type { ServiceModel } from '../cloud/model.ts';
import type { CloudWorld } from '../cloud/world.ts';
import { backup, type BackupModel } from './backup.ts';
import { cloudformation } from './cloudformation.ts';
import { costExplorer } from './cost-explorer.ts';
import { ec2 } from './ec2.ts';
import { ecr, type Ecr } from './ecr.ts';
import { elasticache, type ElastiCacheModel } from './elasticache.ts';
import { events } from './events.ts';
import { iam } from './iam.ts';
import { kms } from './kms.ts';
import { lambdaModel, type LambdaModel, type LambdaOptions } from './lambda.ts';
import { logs, type Logs } from './logs.ts';
import { monitoring, type Monitoring } from './monitoring.ts';
import { rds, type RdsModel } from './rds.ts';
import type { ServerHostOptions } from './rds-instances.ts';
import { s3 } from './s3.ts';
import { scheduler, type SchedulerModel } from './scheduler.ts';
import { secretsmanager, type SecretsManagerModel } from './secretsmanager.ts';
import { serviceQuotas } from './service-quotas.ts';
import { sns } from './sns.ts';
import { sqs, type Sqs } from './sqs.ts';
import { ssm } from './ssm.ts';
import { statesModel, type StatesOptions } from './states.ts';
import { sts } from './sts.ts';

export interface OtherServicesOptions extends LambdaOptions, StatesOptions {
  /** Where the real PostgreSQL and Redis run. */
  readonly servers: ServerHostOptions;
}
export interface OtherServices {
  readonly models: readonly ServiceModel[];
  readonly databases: RdsModel;
  readonly backups: BackupModel;
  readonly functions: LambdaModel;
  readonly caches: ElastiCacheModel;
  readonly logs: Logs;
  readonly registry: Ecr;
  readonly monitoring: Monitoring;
  readonly schedules: SchedulerModel;
  readonly storedSecrets: SecretsManagerModel;
  readonly queues: Sqs;
}

export function otherServices(world: CloudWorld, options: OtherServicesOptions): OtherServices {
  const databases = rds(world, options.servers);
  const caches = elasticache(world, options.servers);
  const registry = ecr(world);
  const metrics = monitoring(world, [
    {
      namespace: 'AWS/RDS', name: 'ReplicaLag', dimension: 'DBInstanceIdentifier',
      value: (region, identifier) => databases.replicaLagSeconds(region, identifier),
    },
  ]);
  const written = logs(world, metrics.record);
  const measured = { ...options, measure: metrics.record };
  const small = [cloudformation, costExplorer, ec2, events, iam, kms, s3, serviceQuotas, sns, ssm, sts].map((model) => model(world));
  const functions = lambdaModel(world, measured);
  const withProcesses = [databases, caches, functions];
  const backups = backup(world, metrics.record);
  const schedules = scheduler(world);
  const storedSecrets = secretsmanager(world);
  const queues = sqs(world, metrics.record);
  const models = [...small, backups, storedSecrets, queues, schedules, written, registry, metrics, ...withProcesses, statesModel(world, measured)];
  return { models, databases, backups, functions, caches, logs: written, registry, monitoring: metrics, schedules, storedSecrets, queues };
}
