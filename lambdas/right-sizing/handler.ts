/** right-sizing: what is too large or idle. Contract: lib/contracts/right-sizing.ts. */
import { CloudWatchClient, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import * as z from 'zod/mini';
import { rightSizing } from '../../lib/contracts/right-sizing.ts';
import { TaskSize } from '../../lib/contracts/task-size.ts';
import { loadPriceTable } from '../../lib/cost/price-table.ts';
import { rightSizingSteps } from '../../lib/cost/right-sizing.ts';
import { serve } from '../serve.ts';

const notices = new SNSClient({});
const Books = z.array(z.extend(TaskSize, { name: z.string() }));

const weekly = serve(rightSizing, process.env, (environment) => {
  const regions = environment.BATON_REGIONS.split(',');
  const clients = new Map(regions.map((region) => [region, new CloudWatchClient({ region })]));
  return rightSizingSteps({
    environment: environment.BATON_ENVIRONMENT,
    regions,
    database: { identifier: environment.BATON_DATABASE, instanceClass: environment.BATON_DATABASE_CLASS },
    cache: { name: environment.BATON_CACHE, nodeType: environment.BATON_CACHE_NODE_TYPE, nodes: Number(environment.BATON_CACHE_NODES) },
    cluster: environment.BATON_CLUSTER,
    books: Books.parse(JSON.parse(environment.BATON_BOOKS)),
    natGateways: environment.BATON_NAT_GATEWAYS.split(','),
    table: loadPriceTable(),
    async ask(region, { namespace: Namespace, metric: MetricName, dimensions }, StartTime, EndTime) {
      // Of what is free, the least is the worst.
      const worst = MetricName === 'FreeableMemory' ? 'Minimum' : 'Maximum';
      const answer = await clients.get(region)?.send(new GetMetricStatisticsCommand({
        Namespace, MetricName, Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })), StartTime, EndTime, Period: 3600, Statistics: [worst],
      }));
      return answer?.Datapoints?.flatMap((point) => point[worst] ?? []) ?? [];
    },
    async tell(Subject, Message) {
      await notices.send(new PublishCommand({ TopicArn: environment.BATON_NOTICES_TOPIC, Subject, Message }));
    },
  });
});

/** By the schedule, whose event has the time at which it came. */
export const handler = ({ time }: { readonly time: string }): Promise<unknown> => weekly({ step: 'weekly', at: time });
