/**
 * The exchange keys: what makes, proves and revokes them. Both Regions have it. Only where a book's secret is the original and its
 * home is, something is done: which Region that is, no template says.
 */
import { Duration, RemovalPolicy, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { BookKeys } from '../lib/constructs/book-keys.ts';
import { KeyMachines } from '../lib/constructs/key-machines.ts';
import { KeyWatch } from '../lib/constructs/key-watch.ts';
import { replicatedSecret } from '../lib/constructs/replicated-secret.ts';
import { tagBook } from '../lib/constructs/required-tags.ts';
import { keepAsRecorded } from '../lib/constructs/topology.ts';
import type { Settings } from '../lib/settings/index.ts';
import type { CutoverStack } from './cutover.ts';
import { type FoundationStack, keyAliasOf } from './foundation.ts';
import { type NetworkStack, venueAddressesParameterName } from './network.ts';
import type { TradingStateStack } from './trading-state.ts';
import type { TradingStack } from './trading.ts';

/** This Region's. */
export interface KeysStackProps extends StackProps {
  readonly settings: Settings;
  readonly foundation: FoundationStack;
  readonly network: NetworkStack;
  readonly state: TradingStateStack;
  readonly trading: TradingStack;
  /** Reports go to its bucket, notices to its topic, what is left behind to its last net. */
  readonly cutover: CutoverStack;
}

export class KeysStack extends Stack {
  constructor(scope: Construct, id: string, { settings, foundation, network, state, trading, cutover, ...props }: KeysStackProps) {
    super(scope, id, props);
    const { first, second } = settings.regions;
    const scheduleGroup = `baton-${settings.environment}-keys`;
    new scheduler.CfnScheduleGroup(this, 'Revocations', { name: scheduleGroup });
    const undelivered = this.#undelivered(settings);
    const keys = new Map(settings.books.map((book) => {
      const resources = trading.books.find(({ name }) => name === book.name);
      if (resources === undefined) throw new Error(`the trading stack does not have the book '${book.name}' of the settings`);
      this.#told(book.name, settings);
      const { rotation } = new BookKeys(this, `Keys-${book.name}`, {
        settings, book, leaseTable: state.leaseTable, network, scheduleGroup, undelivered,
        venueSecret: { name: resources.venueSecretName, secret: resources.venueSecret },
        managementSecret: this.#managementSecret(book.name, settings, foundation),
        venueKey: foundation.venueKey,
        addressParameters: [first, second].map((region) => venueAddressesParameterName(settings, region.name)),
      });
      tagBook(book.name, rotation);
      return [book.name, rotation] as const;
    }));
    const watch = new KeyWatch(this, 'Watch', {
      settings, venueSecrets: new Map(trading.books.map(({ name, venueSecret }) => [name, venueSecret])), topicArn: cutover.topic.topicArn,
    });
    cutover.letPublish(watch.function.function);
    const machines = new KeyMachines(this, 'Machines', {
      settings, keys, parts: cutover.parts, lastNet: cutover.lastNet,
      reports: s3.Bucket.fromBucketName(this, 'Reports', cutover.reportsName),
    });
    for (const { machine } of machines.machines) cutover.letPublish(machine);
    const alarms = [...[...keys.values()].map(({ errorsAlarm }) => errorsAlarm), ...watch.alarms, ...machines.alarms, this.#alarmOf(undelivered, settings)];
    for (const alarm of alarms) cutover.announce(alarm);
  }

  /** What the watch has told people of a book's keys, so that it tells each thing once. */
  #told(book: string, { environment }: Settings): void {
    keepAsRecorded(new ssm.CfnParameter(this, `Told-${book}`, {
      name: `/baton/${environment}/${book}/key-warnings`, type: 'String', value: 'none',
      description: 'The key that people were last told will lapse, and at how many days left.',
    }));
  }

  /** The key that makes keys: trading tasks cannot read it. */
  #managementSecret(book: string, settings: Settings, foundation: FoundationStack): { readonly name: string; readonly secret: secretsmanager.ISecret } {
    const name = `baton-${settings.environment}/${book}/venue-management`;
    const secret = replicatedSecret(this, `Management-${book}`, {
      settings,
      key: foundation.venueKey,
      keyAlias: keyAliasOf(settings, 'venue'),
      secretName: name,
      description: `What makes and deletes the exchange keys of book ${book}: { apiKey, secret, subAccount }, put in by a person`,
      removalPolicy: RemovalPolicy.RETAIN,
      generateSecretString: { secretStringTemplate: JSON.stringify({ apiKey: 'not-yet-set' }), generateStringKey: 'secret' },
    });
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'Exchanges let only people make the key that makes keys; what it cannot do any more, the hourly look at the keys finds out.',
    });
    tagBook(book, secret);
    return { name, secret };
  }

  #undelivered({ environment }: Settings): sqs.Queue {
    const queue = new sqs.Queue(this, 'Undelivered', {
      queueName: `baton-${environment}-revocations-undelivered`, encryption: sqs.QueueEncryption.SQS_MANAGED, enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    Validations.of(queue).acknowledge({ id: 'AwsSolutions-SQS3', reason: 'It is a dead-letter queue.' });
    return queue;
  }

  #alarmOf(undelivered: sqs.Queue, { environment }: Settings): cloudwatch.Alarm {
    return undelivered.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(5), statistic: 'Maximum' }).createAlarm(this, 'UndeliveredAlarm', {
      alarmName: `baton-${environment}-keys-undelivered`,
      alarmDescription:
        'The revocation of an old exchange key was given up: whoever has that key can trade until the next attempt, which the hourly look at the keys makes. ' +
        'Runbook: docs/runbooks/exchange-keys.md',
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }
}
