/** What a budget response acts on: a cluster of back-tests, and a database. What follows a market has it in its name: `us-equities-recorder/1`. */
import { budgetControl } from '../../lib/contracts/budget-response.ts';
import { RecordChangedError, type ResearchTask, type ResponseRecord, responseSteps } from '../../lib/cost/response.ts';
import { TaskFailure, type Json, type TaskContext } from '../../rehearsal/states/engine.ts';
import { World } from './world.ts';

export const executionArn = 'arn:aws:states:us-east-1:1:execution:baton-staging-budget-response:run-1';
export const request = { month: '2026-11', reason: '100 % is spent', requestedBy: 'budget-alert' };
export const spentClass = 'db.t4g.micro';
export const usualClass = 'db.t4g.medium';
export const cluster = 'arn:aws:ecs:us-east-1:222222222222:task-definition/baton-staging-research';

export class ResearchWorld extends World {
  record: ResponseRecord = { stopped: [] };
  version = 0;
  changedBeforeWrites = 0;
  readonly stopped: string[] = [];
  readonly ran: Record<string, Json>[] = [];
  tasks: ResearchTask[];
  databaseClass = usualClass;

  constructor(names: readonly string[] = ['one', 'two', 'three']) {
    super({ execution: executionArn, request });
    this.tasks = names.map((name) => ({ arn: `task/${name}`, definition: `${cluster}-${name.includes('/') ? name.split('/')[0] : 'backtest'}:1`, overrides: { ContainerOverrides: [{ Name: 'backtest', Command: [name] }] } }));
    this.functions.set(budgetControl, this.#steps);
  }

  override kept(): unknown {
    return structuredClone({ tasks: this.tasks.map(({ arn }) => arn), databaseClass: this.databaseClass, record: this.record });
  }

  override comesTrue(error: string, args: Record<string, Json>): boolean {
    if (error !== 'Ecs.InvalidParameterException') return false;
    this.tasks = this.tasks.filter(({ arn }) => arn !== args['Task']);
    return true;
  }

  protected override api(what: string, args: Record<string, Json>, context?: TaskContext): unknown {
    switch (what) {
      case 'ecs:stopTask':
        if (!this.tasks.some(({ arn }) => arn === args['Task'])) throw new TaskFailure('Ecs.InvalidParameterException', 'The referenced task was not found.');
        this.tasks = this.tasks.filter(({ arn }) => arn !== args['Task']);
        this.stopped.push(args['Task'] as string);
        return {};
      case 'ecs:runTask':
        if (!this.ran.some(({ ClientToken }) => ClientToken === args['ClientToken'])) this.ran.push(args);
        return { Failures: [] };
      case 'rds:modifyDBInstance':
        this.databaseClass = args['DbInstanceClass'] as string;
        return {};
      default:
        return super.api(what, args, context);
    }
  }

  readonly #steps = responseSteps({
    runningTasks: async () => this.tasks,
    databaseClass: async () => this.databaseClass,
    spentClass,
    clusterName: 'baton-staging-research',
    databaseMarket: 'us-equities',
    read: async () => ({ record: this.record, version: this.version }),
    write: async (record, version) => {
      if (this.changedBeforeWrites > 0) {
        this.changedBeforeWrites -= 1;
        this.version += 1;
      }
      if (version !== this.version) throw new RecordChangedError('it is another version');
      this.record = JSON.parse(JSON.stringify(record)) as ResponseRecord;
      this.version += 1;
    },
  });
}
