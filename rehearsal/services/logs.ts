/** CloudWatch Logs: groups, streams and their events. */
import { AwsError, type Call, type ServiceModel, type World } from '../cloud/model.ts';

interface LogEvent {
  readonly timestamp: number;
  readonly message: string;
}
type Streams = Map<string, LogEvent[]>;
export interface Logs extends ServiceModel {
  /** Every event of every group, for whoever searches them for what must not be there. */
  everything(): Iterable<{ readonly group: string; readonly stream: string; readonly message: string }>;
}

export function logs(world: World): Logs {
  /** By Region and name. */
  const groups = new Map<string, Streams>();

  function groupOf({ region, input }: Call): Streams {
    const name = String(input['logGroupName'] ?? input['logGroupIdentifier']);
    const found = groups.get(`${region}:${name}`);
    if (!found) throw new AwsError('ResourceNotFoundException', 'The specified log group does not exist.');
    return found;
  }

  function streamOf(call: Call): LogEvent[] {
    const found = groupOf(call).get(String(call.input['logStreamName']));
    if (!found) throw new AwsError('ResourceNotFoundException', 'The specified log stream does not exist.');
    return found;
  }

  function createGroup(region: string, name: string): void {
    if (groups.has(`${region}:${name}`)) throw new AwsError('ResourceAlreadyExistsException', 'The specified log group already exists');
    groups.set(`${region}:${name}`, new Map());
  }

  return {
    service: 'logs',
    operations: {
      CreateLogGroup: ({ logGroupName }: { logGroupName: string }, { region }) => createGroup(region, logGroupName),
      CreateLogStream: ({ logStreamName }: { logStreamName: string }, call) => {
        const streams = groupOf(call);
        if (streams.has(logStreamName)) throw new AwsError('ResourceAlreadyExistsException', 'The specified log stream already exists');
        streams.set(logStreamName, []);
      },
      PutLogEvents: ({ logEvents }: { logEvents: readonly LogEvent[] }, call) => {
        streamOf(call).push(...logEvents);
        return { nextSequenceToken: world.uniqueId(56) };
      },
      GetLogEvents: ({ limit = 10_000, nextToken = '' }: { limit?: number; nextToken?: string }, call) => {
        const all = streamOf(call);
        const from = Number(/^f\/(\d+)$/.exec(nextToken)?.[1] ?? 0);
        const page = all.slice(from, from + limit);
        return { events: page, nextForwardToken: `f/${from + page.length}`, nextBackwardToken: `b/${from}` };
      },
      DescribeLogGroups: ({ logGroupNamePrefix = '' }: { logGroupNamePrefix?: string }, { region }) => ({
        logGroups: [...groups.keys()]
          .filter((key) => key.startsWith(`${region}:${logGroupNamePrefix}`))
          .map((key) => key.slice(region.length + 1))
          .map((logGroupName) => ({ logGroupName, arn: `arn:aws:logs:${region}:${world.accountId}:log-group:${logGroupName}:*` })),
      }),
      DescribeLogStreams: ({ logStreamNamePrefix = '' }: { logStreamNamePrefix?: string }, call) => ({
        logStreams: [...groupOf(call).keys()]
          .filter((name) => name.startsWith(logStreamNamePrefix))
          .map((logStreamName) => ({ logStreamName })),
      }),
    },
    resources: {
      'AWS::Logs::LogGroup': ({ properties, generatedName, region }) => {
        const name = String(properties['LogGroupName'] ?? generatedName);
        createGroup(region, name);
        return { ref: name, attributes: { Arn: `arn:aws:logs:${region}:${world.accountId}:log-group:${name}:*` } };
      },
    },
    *everything() {
      for (const [group, streams] of groups) {
        for (const [stream, events] of streams) for (const { message } of events) yield { group, stream, message };
      }
    },
  };
}
