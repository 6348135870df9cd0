/** SNS: topics, subscriptions as data, and what was published to whom. */
import { AwsError, type ServiceModel, type World } from '../cloud/model.ts';

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
  readonly subscriptions: Array<{ readonly SubscriptionArn: string; readonly Protocol: string; readonly Endpoint: string }>;
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
        return { MessageId: messageId };
      },
      Subscribe: ({ TopicArn, Protocol, Endpoint }: Record<string, string>) => ({
        SubscriptionArn: subscribe(topicOf(TopicArn), String(Protocol), String(Endpoint)),
      }),
      ListTopics: (_input, call) => ({
        Topics: [...topics.keys()].filter((arn) => arn.split(':')[3] === call.region).map((TopicArn) => ({ TopicArn })),
      }),
      ListSubscriptionsByTopic: ({ TopicArn }: Record<string, string>) => ({
        Subscriptions: topicOf(TopicArn).subscriptions.map((subscription) => ({ ...subscription, TopicArn, Owner: world.accountId })),
      }),
    },
    resources: {
      'AWS::SNS::Topic': ({ properties, generatedName, region }) => {
        const name = String(properties['TopicName'] ?? generatedName);
        const topic: Topic = { arn: `arn:aws:sns:${region}:${world.accountId}:${name}`, subscriptions: [] };
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
