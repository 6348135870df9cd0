/** SNS: topics, what was published, and to whom: a function that subscribed is called, other subscriptions are data. */
import { AwsError, awsService, type ServiceModel, type World } from '../cloud/model.ts';
import { pageOf, type Page } from './pages.ts';

export interface Notice {
  readonly topicArn: string;
  readonly messageId: string;
  readonly subject?: string;
  readonly message: string;
  readonly at: Date;
}
export interface Sns extends ServiceModel {
  readonly published: readonly Notice[];
}

interface Topic {
  readonly arn: string;
  readonly masterKeyId: string | undefined;
  readonly subscriptions: Array<{ readonly SubscriptionArn: string; readonly Protocol: string; readonly Endpoint: string }>;
}
interface Delivered {
  readonly messageId: string;
  readonly message: string;
  readonly subject: string | undefined;
}
interface ListInput {
  readonly TopicArn?: string;
  readonly NextToken?: string;
}
const pageMax = 100;

function paged<Element>(all: readonly Element[], { NextToken }: ListInput, keyOf: (element: Element) => string): Page<Element> {
  return pageOf(all, { token: NextToken, size: undefined, sizeMax: pageMax, keyOf, invalidToken: 'InvalidParameterException' });
}
/** A message is at most 256 KiB. */
const messageBytesMax = 262_144;

export function sns(world: World): Sns {
  const topics = new Map<string, Topic>();
  const published: Notice[] = [];

  function topicOf(arn: unknown): Topic {
    const topic = topics.get(String(arn));
    if (!topic) throw new AwsError('NotFoundException', 'Topic does not exist');
    return topic;
  }

  function subscribe(topic: Topic, protocol: string, endpoint: string): string {
    const SubscriptionArn = `${topic.arn}:${world.uniqueId(32)}`;
    topic.subscriptions.push({ SubscriptionArn, Protocol: protocol, Endpoint: endpoint });
    return SubscriptionArn;
  }

  /** As the service, which the function's own policy lets call it; SNS tries again for hours, here it tries once. */
  function deliver({ arn, subscriptions }: Topic, { messageId, message, subject }: Delivered): void {
    for (const { Protocol, Endpoint, SubscriptionArn } of subscriptions) {
      if (Protocol !== 'lambda') continue;
      const region = Endpoint.split(':')[3] ?? '';
      const Sns = {
        Type: 'Notification', MessageId: messageId, TopicArn: arn, Subject: subject ?? null, Message: message,
        Timestamp: world.now().toISOString(), MessageAttributes: {},
      };
      const event = { Records: [{ EventSource: 'aws:sns', EventVersion: '1.0', EventSubscriptionArn: SubscriptionArn, Sns }] };
      const input = { FunctionName: Endpoint, InvocationType: 'Event', Payload: Buffer.from(JSON.stringify(event)) };
      world.call({ service: 'lambda', operation: 'Invoke', region, caller: awsService('sns.amazonaws.com', arn), input }).catch((error: unknown) => {
        world.log(`the topic ${arn} gave up on ${Endpoint}`, { error: String(error) });
      });
    }
  }

  const inRegion = (region: string): Topic[] => [...topics.values()].filter(({ arn }) => arn.split(':')[3] === region);

  function shownSubscriptions(of: readonly Topic[], input: ListInput): Record<string, unknown> {
    const all = of.flatMap(({ arn, subscriptions }) => subscriptions.map((each) => ({ ...each, TopicArn: arn, Owner: world.accountId })));
    const { elements, next } = paged(all, input, ({ SubscriptionArn }) => SubscriptionArn);
    return { Subscriptions: elements, NextToken: next };
  }

  return {
    service: 'sns',
    published,
    operations: {
      Publish: ({ TopicArn, TargetArn, Message, Subject }: Record<string, string | undefined>) => {
        const topic = topicOf(TopicArn ?? TargetArn);
        if (!Message) throw new AwsError('InvalidParameterException', 'Invalid parameter: Empty message');
        if (Buffer.byteLength(Message) > messageBytesMax)
          throw new AwsError('InvalidParameterException', 'Invalid parameter: Message too long');
        if (Subject !== undefined && (Subject.length > 100 || /[\r\n]/.test(Subject))) {
          throw new AwsError('InvalidParameterException', 'Invalid parameter: Subject');
        }
        const messageId = world.uniqueId(32);
        published.push({
          topicArn: topic.arn,
          messageId,
          message: Message,
          at: world.now(),
          ...(Subject === undefined ? {} : { subject: Subject }),
        });
        deliver(topic, { messageId, message: Message, subject: Subject });
        return { MessageId: messageId };
      },
      Subscribe: ({ TopicArn, Protocol, Endpoint }: Record<string, string>) => ({
        SubscriptionArn: subscribe(topicOf(TopicArn), String(Protocol), String(Endpoint)),
      }),
      ListTopics: (input: ListInput, { region }) => {
        const { elements, next } = paged(inRegion(region), input, ({ arn }) => arn);
        return { Topics: elements.map(({ arn }) => ({ TopicArn: arn })), NextToken: next };
      },
      ListSubscriptions: (input: ListInput, { region }) => shownSubscriptions(inRegion(region), input),
      ListSubscriptionsByTopic: (input: ListInput) => shownSubscriptions([topicOf(input.TopicArn)], input),
      GetTopicAttributes: ({ TopicArn }: ListInput) => {
        const { arn, masterKeyId, subscriptions } = topicOf(TopicArn);
        const encryption = masterKeyId === undefined ? {} : { KmsMasterKeyId: masterKeyId };
        return { Attributes: { TopicArn: arn, Owner: world.accountId, SubscriptionsConfirmed: String(subscriptions.length), ...encryption } };
      },
    },
    resources: {
      'AWS::SNS::Topic': ({ properties, generatedName, region }) => {
        const name = String(properties['TopicName'] ?? generatedName);
        const masterKeyId = properties['KmsMasterKeyId'] as string | undefined;
        const topic: Topic = { arn: `arn:aws:sns:${region}:${world.accountId}:${name}`, masterKeyId, subscriptions: [] };
        topics.set(topic.arn, topic);
        for (const { Protocol, Endpoint } of (properties['Subscription'] ?? []) as ReadonlyArray<Record<string, string>>) {
          subscribe(topic, String(Protocol), String(Endpoint));
        }
        return { ref: topic.arn, attributes: { TopicArn: topic.arn, TopicName: name } };
      },
      'AWS::SNS::Subscription': ({ properties }) => {
        const arn = subscribe(topicOf(properties['TopicArn']), String(properties['Protocol']), String(properties['Endpoint']));
        return { ref: arn, attributes: { Arn: arn } };
      },
    },
  };
}
