/** CloudWatch Logs: groups, streams and their events. */
import { AwsError, type Call, type ServiceModel, type World } from '../cloud/model.ts';
import type { Monitoring } from './monitoring.ts';
import { pageOf } from './pages.ts';

interface LogEvent {
  readonly timestamp: number;
  readonly message: string;
}
type Streams = Map<string, LogEvent[]>;
interface Group {
  readonly createdAt: Date;
  readonly retentionDays: number | undefined;
  readonly streams: Streams;
}
interface Paged {
  readonly limit?: number;
  readonly nextToken?: string;
}
interface Period {
  /** Milliseconds of the epoch; the end is excluded by GetLogEvents alone. */
  readonly startTime?: number;
  readonly endTime?: number;
}
interface FilterInput extends Paged, Period {
  readonly logStreamNames?: readonly string[];
  readonly logStreamNamePrefix?: string;
  readonly filterPattern?: string;
}

interface MetricFilter {
  readonly matches: (message: string) => boolean;
  readonly namespace: string;
  readonly name: string;
  /** What a line adds to the metric. */
  readonly valueOf: (message: string) => number;
}
interface MetricTransformation {
  readonly MetricNamespace: string;
  readonly MetricName: string;
  readonly MetricValue: string;
}

/** "The default is up to 50 items" for groups and streams; "up to 10,000 log events". */
const describePageMax = 50;
const eventPageMax = 10_000;
export interface Logs extends ServiceModel {
  /** Every event of every group, for whoever searches them for what must not be there. */
  everything(): Iterable<{ readonly group: string; readonly stream: string; readonly message: string }>;
  /** The sum of a metric that a filter makes of lines. */
  counted(namespace: string, metricName: string): number;
}

/** `record`: what filters count becomes a metric there. */
export function logs(world: World, record?: Monitoring['record']): Logs {
  /** By Region and name. */
  const groups = new Map<string, Group>();
  /** By Region and name of the group. */
  const filters = new Map<string, MetricFilter[]>();
  const counts = new Map<string, number>();

  /** Lines count when they come in: a filter is no search in what was there before. */
  function count({ region, input }: Call, events: readonly LogEvent[]): void {
    for (const { matches, namespace, name, valueOf } of filters.get(`${region}:${String(input['logGroupName'])}`) ?? []) {
      for (const value of events.filter(({ message }) => matches(message)).map(({ message }) => valueOf(message))) {
        counts.set(`${namespace}/${name}`, (counts.get(`${namespace}/${name}`) ?? 0) + value);
        record?.({ region, namespace, name, value, dimensions: {} });
      }
    }
  }

  function groupOf({ region, input }: Call): Group {
    // An identifier may be an ARN, with or without the `:*` at its end.
    const name = String(input['logGroupName'] ?? input['logGroupIdentifier']).replace(/^arn:.*:log-group:/, '').replace(/:\*$/, '');
    const found = groups.get(`${region}:${name}`);
    if (!found) throw new AwsError('ResourceNotFoundException', 'The specified log group does not exist.');
    return found;
  }

  function streamOf(call: Call): LogEvent[] {
    const found = groupOf(call).streams.get(String(call.input['logStreamName']));
    if (!found) throw new AwsError('ResourceNotFoundException', 'The specified log stream does not exist.');
    return found;
  }

  function createGroup(region: string, name: string, retentionDays?: number): void {
    if (groups.has(`${region}:${name}`)) throw new AwsError('ResourceAlreadyExistsException', 'The specified log group already exists');
    groups.set(`${region}:${name}`, { createdAt: world.now(), retentionDays, streams: new Map() });
  }

  return {
    service: 'logs',
    operations: {
      CreateLogGroup: ({ logGroupName }: { logGroupName: string }, { region }) => createGroup(region, logGroupName),
      CreateLogStream: ({ logStreamName }: { logStreamName: string }, call) => {
        const { streams } = groupOf(call);
        if (streams.has(logStreamName)) throw new AwsError('ResourceAlreadyExistsException', 'The specified log stream already exists');
        streams.set(logStreamName, []);
      },
      PutLogEvents: ({ logEvents }: { logEvents: readonly LogEvent[] }, call) => {
        streamOf(call).push(...logEvents);
        count(call, logEvents);
        return { nextSequenceToken: world.uniqueId(56) };
      },
      /** The newest page first unless `startFromHead`; the tokens of both directions are places in the stream. */
      GetLogEvents: ({ limit = eventPageMax, nextToken = '', startFromHead, startTime, endTime }: Paged & Period & { startFromHead?: boolean }, call) => {
        const all = streamOf(call).filter(({ timestamp }) => timestamp >= (startTime ?? 0) && timestamp < (endTime ?? Infinity));
        const size = Math.min(limit, eventPageMax);
        const [, direction, place] = /^([fb])\/(\d+)$/.exec(nextToken) ?? [];
        if (nextToken !== '' && place === undefined) throw new AwsError('InvalidParameterException', 'The specified nextToken is invalid.');
        const start = startFromHead === true ? 0 : Math.max(0, all.length - size);
        const from = direction === 'b' ? Math.max(0, Number(place) - size) : Number(place ?? start);
        const page = all.slice(from, direction === 'b' ? Number(place) : from + size);
        return { events: page.map(ingested), nextForwardToken: `f/${from + page.length}`, nextBackwardToken: `b/${from}` };
      },
      FilterLogEvents: (input: FilterInput, call) => {
        const wanted = matcher(input.filterPattern);
        const { startTime = 0, endTime = Infinity, logStreamNames, logStreamNamePrefix = '' } = input;
        const chosen = [...groupOf(call).streams].filter(([name]) => (logStreamNames?.includes(name) ?? true) && name.startsWith(logStreamNamePrefix));
        const found = chosen
          .flatMap(([logStreamName, written]) => written.map((event, index) => ({ ...ingested(event), logStreamName, eventId: `${logStreamName}/${index}` })))
          .filter(({ timestamp, message }) => timestamp >= startTime && timestamp <= endTime && wanted(message))
          .sort((one, other) => one.timestamp - other.timestamp);
        const { elements, next } = pageOf(found, {
          token: input.nextToken, size: input.limit, sizeMax: eventPageMax, keyOf: ({ eventId }) => eventId, invalidToken: 'InvalidParameterException',
        });
        return { events: elements, nextToken: next, searchedLogStreams: [] };
      },
      DescribeLogGroups: ({ logGroupNamePrefix = '', limit, nextToken }: Paged & { logGroupNamePrefix?: string }, { region }) => {
        const here = [...groups].filter(([key]) => key.startsWith(`${region}:${logGroupNamePrefix}`)).sort(([one], [other]) => (one < other ? -1 : 1));
        const { elements, next } = pageOf(here, {
          token: nextToken, size: limit, sizeMax: describePageMax, keyOf: ([key]) => key, invalidToken: 'InvalidParameterException',
        });
        return {
          nextToken: next,
          logGroups: elements.map(([key, { createdAt, retentionDays }]) => {
            const logGroupName = key.slice(region.length + 1);
            const logGroupArn = `arn:aws:logs:${region}:${world.accountId}:log-group:${logGroupName}`;
            return { logGroupName, logGroupArn, arn: `${logGroupArn}:*`, creationTime: createdAt.getTime(), retentionInDays: retentionDays, logGroupClass: 'STANDARD' };
          }),
        };
      },
      DescribeLogStreams: (input: Paged & { logStreamNamePrefix?: string; orderBy?: string; descending?: boolean }, call) => {
        const { logStreamNamePrefix = '', orderBy, descending, limit, nextToken } = input;
        const named = [...groupOf(call).streams].filter(([name]) => name.startsWith(logStreamNamePrefix));
        const order = ([name, written]: readonly [string, readonly LogEvent[]]): string =>
          orderBy === 'LastEventTime' ? String(written.at(-1)?.timestamp ?? 0).padStart(15, '0') : name;
        const sorted = named.toSorted((one, other) => (order(one) < order(other) ? -1 : 1));
        const { elements, next } = pageOf(descending === true ? sorted.reverse() : sorted, {
          token: nextToken, size: limit, sizeMax: describePageMax, keyOf: ([name]) => name, invalidToken: 'InvalidParameterException',
        });
        return {
          nextToken: next,
          logStreams: elements.map(([logStreamName, written]) => ({
            logStreamName, firstEventTimestamp: written[0]?.timestamp, lastEventTimestamp: written.at(-1)?.timestamp,
          })),
        };
      },
    },
    resources: {
      'AWS::Logs::LogGroup': ({ properties, generatedName, region }) => {
        const name = String(properties['LogGroupName'] ?? generatedName);
        createGroup(region, name, properties['RetentionInDays'] === undefined ? undefined : Number(properties['RetentionInDays']));
        return { ref: name, attributes: { Arn: `arn:aws:logs:${region}:${world.accountId}:log-group:${name}:*` } };
      },
      'AWS::Logs::MetricFilter': ({ properties, generatedName, region }) => {
        const group = `${region}:${String(properties['LogGroupName'])}`;
        if (!groups.has(group)) throw new AwsError('ResourceNotFoundException', 'The specified log group does not exist.');
        const matches = matcher(String(properties['FilterPattern']));
        const transformations = properties['MetricTransformations'] as readonly MetricTransformation[];
        const made = transformations.map(({ MetricNamespace, MetricName, MetricValue }) => {
          const selector = /^\$\.([\w.]+)$/.exec(MetricValue)?.[1];
          if (selector !== undefined && !String(properties['FilterPattern']).includes(MetricValue)) throw notModelled(`the pattern does not ask for '${MetricValue}', so no value is taken from it`);
          if (MetricValue !== '1' && selector === undefined) throw notModelled(`a metric value of '${MetricValue}' is not modelled; 1 is, and a property such as $.latency`);
          const valueOf = (line: string): number => (selector === undefined ? 1 : Number(propertyOf(line, selector.split('.')) ?? 0));
          return { matches, namespace: MetricNamespace, name: MetricName, valueOf };
        });
        filters.set(group, [...(filters.get(group) ?? []), ...made]);
        return { ref: String(properties['FilterName'] ?? generatedName), attributes: {} };
      },
    },
    counted: (namespace, metricName) => counts.get(`${namespace}/${metricName}`) ?? 0,
    *everything() {
      for (const [group, { streams }] of groups) {
        for (const [stream, events] of streams) for (const { message } of events) yield { group, stream, message };
      }
    },
  };
}

const ingested = ({ timestamp, message }: LogEvent): LogEvent & { readonly ingestionTime: number } => ({ timestamp, message, ingestionTime: timestamp });

/**
 * Terms and quoted phrases, all of which a line must have, as the plain kind of filter pattern asks for; and of the patterns for JSON
 * those that ask for a text in a property, or for the property. Others, and those for columns, are not modelled.
 */
function matcher(pattern = ''): (message: string) => boolean {
  const [, property, text] = /^\s*\{\s*\$\.([\w.]+)\s*=\s*"([^"*]*)"\s*\}\s*$/.exec(pattern) ?? [];
  if (property !== undefined) return (message) => propertyOf(message, property.split('.')) === text;
  const [, present] = /^\s*\{\s*\$\.([\w.]+)\s*=\s*\*\s*\}\s*$/.exec(pattern) ?? [];
  if (present !== undefined) return (message) => propertyOf(message, present.split('.')) !== undefined;
  if (/^\s*[{[%]/.test(pattern) || /(^|\s)[-?]/.test(pattern)) {
    throw notModelled(`the filter pattern '${pattern}' is not modelled; terms, "quoted phrases", { $.property = "text" } and { $.property = * } are`);
  }
  const terms = [...pattern.matchAll(/"([^"]*)"|(\S+)/g)].map(([, phrase, term]) => phrase ?? term ?? '');
  return (message) => terms.every((term) => message.includes(term));
}

function notModelled(message: string): AwsError {
  return new AwsError('NotImplemented', message, { fault: 'server' });
}

/** A line that is no JSON matches no pattern for it. */
function propertyOf(message: string, path: readonly string[]): unknown {
  try {
    return path.reduce<unknown>((at, name) => (at as Readonly<Record<string, unknown>> | null | undefined)?.[name], JSON.parse(message));
  } catch {
    return undefined;
  }
}
