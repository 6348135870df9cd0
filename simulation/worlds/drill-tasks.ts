/** What looks for leftovers of drills acts on: a cluster of shadow tasks, each so many hours old. */
import { TaskFailure, type Json, type TaskContext } from '../../rehearsal/states/engine.ts';
import { startMs, World, type LeftOver } from './world.ts';

export const executionArn = 'arn:aws:states:us-east-1:111111111111:execution:baton-dev-drill-leftovers:run-1';
const hourMs = 3_600_000;

export class DrillTasks extends World {
  /** By name: how old, in hours. */
  readonly running: Map<string, number>;

  constructor(running: Readonly<Record<string, number>>) {
    super({ execution: executionArn, request: {} });
    this.running = new Map(Object.entries(running));
  }

  override kept(): unknown {
    return {};
  }

  override leftOver(): readonly LeftOver[] {
    return [...this.running].filter(([, hours]) => hours > 2).map(([name]) => ({ what: 'a task', name, by: 'the next execution' as const }));
  }

  override comesTrue(error: string, args: Record<string, Json>): boolean {
    return error === 'Ecs.InvalidParameterException' && this.running.delete(args['Task'] as string);
  }

  protected override api(what: string, args: Record<string, Json>, context?: TaskContext): unknown {
    switch (what) {
      case 'ecs:listTasks':
        return { TaskArns: [...this.running.keys()] };
      case 'ecs:describeTasks': {
        const asked = args['Tasks'] as readonly string[];
        const there = asked.filter((name) => this.running.has(name));
        return {
          Tasks: there.map((name) => ({ TaskArn: name, CreatedAt: new Date(startMs - this.running.get(name)! * hourMs).toISOString() })),
          Failures: asked.filter((name) => !there.includes(name)).map((name) => ({ Arn: name, Reason: 'MISSING' })),
        };
      }
      case 'ecs:stopTask':
        if (!this.running.delete(args['Task'] as string)) throw new TaskFailure('Ecs.InvalidParameterException', 'The referenced task was not found.');
        return { Task: {} };
      default:
        return super.api(what, args, context);
    }
  }
}
