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
};

export function provisioningSeconds(kind: string, column: ProvisioningColumn): number {
  const delay = provisioningDelays[kind];
  if (!delay) {
    const known = Object.keys(provisioningDelays).join(', ');
    throw new Error(`no provisioning delay is called '${kind}' (there are: ${known}); add a row with its source`);
  }
  return column === 'typical' ? delay.typicalSeconds : delay.pessimisticSeconds;
}
