/** budget-control: what is stopped when a budget is spent. Contract: lib/contracts/budget-response.ts. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeTasksCommand, ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs';
import { DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds';
import { budgetControl } from '../../lib/contracts/budget-response.ts';
import { responseRecords } from '../../lib/cost/response-records.ts';
import { responseSteps } from '../../lib/cost/response.ts';
import { serve } from '../serve.ts';

const containers = new ECSClient({});
const databases = new RDSClient({});

export const handler = serve(budgetControl, process.env, (environment) => {
  const { BATON_RESEARCH_CLUSTER: cluster, BATON_DATABASE: DBInstanceIdentifier, BATON_SPENT_CLASS: spentClass, BATON_DATABASE_MARKET: databaseMarket } = environment;
  return responseSteps({
    ...responseRecords(new DynamoDBClient({}), environment.BATON_RECORDS_TABLE),
    clusterName: cluster, spentClass, databaseMarket,
    async runningTasks() {
      const { taskArns = [] } = await containers.send(new ListTasksCommand({ cluster, desiredStatus: 'RUNNING' }));
      if (taskArns.length === 0) return [];
      const { tasks = [] } = await containers.send(new DescribeTasksCommand({ cluster, tasks: taskArns }));
      return tasks.map(({ taskArn = '', taskDefinitionArn = '', overrides }) => ({ arn: taskArn, definition: taskDefinitionArn, overrides: inCalls(overrides ?? {}) }));
    },
    async databaseClass() {
      const { DBInstances: [instance] = [] } = await databases.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier }));
      if (instance?.DBInstanceClass === undefined) throw new Error(`RDS says no class of ${DBInstanceIdentifier}`);
      return instance.DBInstanceClass;
    },
  });
});

/** A machine's call of ECS begins the members of what it is given with a capital. Lists that are empty say nothing. */
function inCalls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inCalls);
  if (value === null || typeof value !== 'object') return value;
  const said = Object.entries(value).filter(([, each]) => !(Array.isArray(each) && each.length === 0));
  return Object.fromEntries(said.map(([name, each]) => [name.charAt(0).toUpperCase() + name.slice(1), inCalls(each)]));
}
