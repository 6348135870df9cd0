/**
 * SQS: standard queues as the place where others leave what they could not deliver. Messages are counted, and kept for a rehearsal
 * to look at; nobody receives here, so receiving is not modelled.
 */
import { AwsError, type ServiceModel, type World } from '../cloud/model.ts';
import type { Monitoring } from './monitoring.ts';

export interface Sqs extends ServiceModel {
  /** What was left in a queue, by its ARN. */
  messages(queueArn: string): readonly string[];
}
interface Queue {
  readonly arn: string;
  readonly region: string;
  readonly name: string;
  readonly url: string;
  readonly messages: string[];
}
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const messageBytesMax = 1_048_576;

export function sqs(world: World, measure?: Monitoring['record']): Sqs {
  const queues: Queue[] = [];

  const tellLength = ({ region, name, messages }: Queue): void =>
    measure?.({ region, namespace: 'AWS/SQS', name: 'ApproximateNumberOfMessagesVisible', value: messages.length, dimensions: { QueueName: name } });

  return {
    service: 'sqs',
    messages: (queueArn) => queues.find(({ arn }) => arn === queueArn)?.messages ?? [],
    operations: {
      SendMessage: ({ QueueUrl, MessageBody }: { QueueUrl: string; MessageBody: string }) => {
        const queue = queues.find(({ url }) => url === QueueUrl);
        if (queue === undefined) throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
        if (Buffer.byteLength(MessageBody) > messageBytesMax) throw new AwsError('InvalidParameterValue', `One or more parameters are invalid. Reason: Message must be shorter than ${messageBytesMax} bytes.`);
        queue.messages.push(MessageBody);
        tellLength(queue);
        return { MessageId: world.uniqueId(32) };
      },
    },
    resources: {
      'AWS::SQS::Queue': ({ properties, generatedName, region }) => {
        if (properties['FifoQueue'] === true) throw new AwsError('InvalidParameterValue', 'FIFO queues are not modelled; standard ones are.');
        const name = String(properties['QueueName'] ?? generatedName).slice(0, 80);
        const arn = `arn:aws:sqs:${region}:${world.accountId}:${name}`;
        const url = `https://sqs.${region}.amazonaws.com/${world.accountId}/${name}`;
        const queue: Queue = { arn, region, name, url, messages: [] };
        queues.push(queue);
        tellLength(queue);
        return { ref: url, attributes: { Arn: arn, QueueName: name, QueueUrl: url } };
      },
      'AWS::SQS::QueuePolicy': ({ generatedName }) => ({ ref: generatedName, attributes: { Id: generatedName } }),
    },
  };
}
