/** What computes and cannot trade, as somebody who researches has it: definitions of theirs, and tasks of them in the cluster for that. */
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';

const boundMs = 60_000;

export async function researchOf(stage: Stage) {
  const { environment, settings } = stage;
  const region = stage.regions.first.name;
  const prefix = `baton-${environment}`;
  const cluster = `${prefix}-research`;
  const call = <Answer>(service: string, operation: string, input: Record<string, unknown>): Promise<Answer> => stage.operator<Answer>(service, operation, input, region);
  const role = (kind: string): string => `arn:aws:iam::${settings.account}:role/${cluster}-${kind}`;
  // It computes for ever, as far as anybody can see.
  const { trader } = await stage.variant('migrates-for-ever');
  const image = `${settings.account}.dkr.ecr.${region}.amazonaws.com/${prefix}/trader@${trader.digest}`;
  const tasks = async (): Promise<readonly { readonly arn: string; readonly name: string }[]> => {
    const { taskArns } = await call<{ taskArns: string[] }>('ecs', 'ListTasks', { cluster, desiredStatus: 'RUNNING' });
    if (taskArns.length === 0) return [];
    const described = await call<{ tasks: { taskArn: string; taskDefinitionArn: string; lastStatus: string }[] }>('ecs', 'DescribeTasks', { cluster, tasks: taskArns });
    return described.tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING').map(({ taskArn: arn, taskDefinitionArn }) => ({
      arn, name: taskDefinitionArn.split('/').at(-1)?.split(':')[0]?.slice(cluster.length + 1) ?? '',
    }));
  };
  const running = async (): Promise<readonly string[]> => (await tasks()).map(({ name }) => name).toSorted();
  return {
    /** What runs, by the end of the name of its definition. */
    running,
    machineArn: `arn:aws:states:${region}:${settings.account}:stateMachine:${prefix}-budget-response`,
    /** A task of each of these, which are also the ends of the names of their definitions. */
    async start(...names: readonly string[]): Promise<void> {
      for (const name of new Set(names)) {
        await call('ecs', 'RegisterTaskDefinition', {
          family: `${cluster}-${name}`, networkMode: 'awsvpc', requiresCompatibilities: ['FARGATE'], cpu: '256', memory: '512',
          taskRoleArn: role('task'), executionRoleArn: role('execution'),
          containerDefinitions: [{ name: 'backtest', image, essential: true, command: ['migrate', 'expand'], user: '65532:65532', readonlyRootFilesystem: true }],
        });
      }
      for (const name of names) {
        await call('ecs', 'RunTask', {
          cluster, taskDefinition: `${cluster}-${name}`, networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-of-research'] } },
          overrides: { containerOverrides: [{ name: 'backtest', command: ['migrate', 'expand'] }] },
        });
      }
      await until(`${names.length} tasks that run`, boundMs, async () => (await running()).length === names.length);
    },
    async databaseClass(): Promise<string> {
      return until('a database that is available', boundMs, async () => {
        const { DBInstances: [instance] } = await call<{ DBInstances: { DBInstanceClass: string; DBInstanceStatus: string }[] }>('rds', 'DescribeDBInstances', { DBInstanceIdentifier: prefix });
        return instance?.DBInstanceStatus === 'available' && instance.DBInstanceClass;
      });
    },
    /** The machine's own role tries what it must never do. */
    refusalsOnWhatTrades: () => stage.refusedTo(/ResponseMachineRole/, region, [
      ['StopTask', { cluster: prefix, task: '1' }],
      ['CreateTaskSet', { cluster: prefix, service: `${prefix}-${stage.book}`, taskDefinition: `${prefix}-${stage.book}-template:1` }],
      ['UpdateTaskSet', { cluster: prefix, service: `${prefix}-${stage.book}`, taskSet: 'ecs-svc/1', scale: { value: 0, unit: 'PERCENT' } }],
      ['DeleteTaskSet', { cluster: prefix, service: `${prefix}-${stage.book}`, taskSet: 'ecs-svc/1', force: true }],
      ['RunTask', { cluster: prefix, taskDefinition: `${prefix}-${stage.book}-template:1` }],
    ]),
  };
}
