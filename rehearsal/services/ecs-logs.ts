/**
 * The `awslogs` driver: what containers print goes to CloudWatch Logs in batches, with the permissions of the execution
 * role. A line that cannot be delivered is told to the run's log once, and never holds the container up.
 */
import type { World } from '../cloud/model.ts';
import type { TaskLine } from '../processes/tasks.ts';
import type { EcsTask } from './ecs-tasks.ts';

export interface ContainerLogs {
  readonly write: (line: TaskLine) => void;
  readonly flush: () => void;
}

/** The driver's own default is 5 s; lines should be there when a short rehearsal ends. */
const batchMs = 1000;

interface Stream {
  readonly logGroupName: string;
  readonly logStreamName: string;
  waiting: Array<{ timestamp: number; message: string }>;
  created: boolean;
}

export function awsLogs(world: World, task: EcsTask): ContainerLogs {
  const { executionRoleArn, containerDefinitions } = task.definition;
  const streams = new Map<string, Stream>();
  for (const { name, logConfiguration } of containerDefinitions) {
    const group = logConfiguration?.options?.['awslogs-group'];
    if (logConfiguration?.logDriver !== 'awslogs' || group === undefined) continue;
    const logStreamName = `${logConfiguration.options?.['awslogs-stream-prefix'] ?? 'ecs'}/${name}/${task.taskArn.split('/').at(-1)}`;
    streams.set(name, { logGroupName: group, logStreamName, waiting: [], created: false });
  }
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> = Promise.resolve();
  let told = false;

  const logsCall = (operation: string, input: Record<string, unknown>): Promise<unknown> => {
    if (executionRoleArn === undefined) throw new Error('the task definition has no executionRoleArn, which writes its logs');
    return world.call({ service: 'logs', operation, region: task.region, caller: world.callerFor(executionRoleArn), input });
  };

  async function deliver(): Promise<void> {
    for (const stream of streams.values()) {
      const { logGroupName, logStreamName, waiting: logEvents } = stream;
      if (logEvents.length === 0) continue;
      stream.waiting = [];
      if (!stream.created) await logsCall('CreateLogStream', { logGroupName, logStreamName });
      stream.created = true;
      await logsCall('PutLogEvents', { logGroupName, logStreamName, logEvents });
    }
  }

  function send(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    sending = sending.then(deliver).catch((error: unknown) => {
      if (!told)
        world.log('container logs could not be delivered', {
          task: task.taskArn,
          error: error instanceof Error ? error.message : String(error),
        });
      told = true;
    });
    return sending;
  }

  return {
    write({ container, line }) {
      streams.get(container)?.waiting.push({ timestamp: world.now().getTime(), message: line });
      timer ??= setTimeout(() => void send(), batchMs).unref();
    },
    flush: () => void send(),
  };
}
