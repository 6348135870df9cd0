/**
 * How long AWS takes to make things, in modelled seconds: the only table of such delays.
 *
 * AWS promises few of these figures. A row says where its numbers come from, or that they are assumed; limits
 * of a rehearsal must hold with the pessimistic column. The clock of the rehearsal compresses them
 * (rehearsal/clock.ts).
 */
export interface ProvisioningDelay {
  readonly typicalSeconds: number;
  readonly pessimisticSeconds: number;
  /** A workflow of the other Region waits for it too. */
  readonly awaitedElsewhere?: true;
  readonly source: string;
}
export type ProvisioningColumn = 'typical' | 'pessimistic';

export const provisioningDelays: Readonly<Record<string, ProvisioningDelay>> = {
  'ecs-task-start': {
    typicalSeconds: 60,
    pessimisticSeconds: 180,
    source: 'assumed: network interface, image pull and start of a Fargate task',
  },
  'ecs-task-replace': {
    typicalSeconds: 15,
    pessimisticSeconds: 60,
    source: 'assumed: the time in which the ECS scheduler notices a stopped task',
  },
  'rds-snapshot': {
    typicalSeconds: 180,
    pessimisticSeconds: 300,
    source: 'assumed: an incremental snapshot of 100 GB that is backed up daily; AWS says only that it depends on the amount of data',
  },
  'ecr-replication': {
    typicalSeconds: 60,
    pessimisticSeconds: 1800,
    source: '"most images replicate in less than 30 minutes" (ECR user guide, replication.html); a minute for small images is assumed',
  },
  's3-replication': {
    typicalSeconds: 60,
    pessimisticSeconds: 900,
    source: '"Most objects replicate within 15 minutes" (S3 user guide, replication.html); a minute for small ones is assumed',
  },
  'rds-promotion': {
    typicalSeconds: 300,
    pessimisticSeconds: 900,
    source: 'assumed: AWS says "several minutes or longer", and that the instance reboots before it is available',
  },
  'rds-replica': {
    typicalSeconds: 600,
    pessimisticSeconds: 1800,
    awaitedElsewhere: true,
    source: 'assumed: a snapshot of 100 GB, its copy to the other Region and a new instance; AWS gives no figure',
  },
  'rds-rename': {
    typicalSeconds: 600,
    pessimisticSeconds: 900,
    awaitedElsewhere: true,
    source: 'the new name becomes effective "in about 10 minutes", and the instance is not available until then (USER_RenameInstance.html)',
  },
  'rds-restore': {
    typicalSeconds: 600,
    pessimisticSeconds: 1800,
    source: 'assumed: a new instance whose 100 GB load lazily; AWS gives no figure',
  },
  'rds-deletion': {
    typicalSeconds: 180,
    pessimisticSeconds: 600,
    source: 'assumed: AWS says only that it takes a few minutes',
  },
  'rds-log-archive': {
    typicalSeconds: 300,
    pessimisticSeconds: 300,
    source: '"RDS uploads transaction logs for DB instances to Amazon S3 every five minutes" (USER_PIT.html)',
  },
  'elasticache-snapshot': {
    typicalSeconds: 120,
    pessimisticSeconds: 600,
    source: 'assumed: a snapshot of a node with a few hundred megabytes, and as long for its export; AWS gives no figure',
  },
  'elasticache-group': {
    typicalSeconds: 600,
    pessimisticSeconds: 1200,
    source: 'assumed: a new node, and what is loaded into it; AWS gives no figure',
  },
  'elasticache-deletion': {
    typicalSeconds: 300,
    pessimisticSeconds: 600,
    source: 'assumed; AWS gives no figure',
  },
  'rds-modification': {
    typicalSeconds: 60,
    pessimisticSeconds: 300,
    awaitedElsewhere: true,
    source: 'assumed: backups and Multi-AZ turned on or off; AWS gives no figure',
  },
  'elasticache-modification': {
    typicalSeconds: 60,
    pessimisticSeconds: 300,
    source: 'assumed: another AUTH token on every node; AWS gives no figure',
  },
};

export function provisioningSeconds(kind: string, column: ProvisioningColumn): number {
  const delay = provisioningDelays[kind];
  if (!delay) {
    const known = Object.keys(provisioningDelays).join(', ');
    throw new Error(`no provisioning delay is called '${kind}' (there are: ${known}); add a row with its source`);
  }
  return column === 'typical' ? delay.typicalSeconds : delay.pessimisticSeconds;
}
