/**
 * The loss of the other Region: what is needed to go on in this one, and to go back. Both Regions have it, for each is
 * where the other's books go to.
 */
import { Stack, type StackProps } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { DatabaseRestore } from '../lib/constructs/database-restore.ts';
import { Failover } from '../lib/constructs/failover.ts';
import { FailoverWatch } from '../lib/constructs/failover-watch.ts';
import { RecoveryFunctions } from '../lib/constructs/recovery-functions.ts';
import { ReplicaAlarms } from '../lib/constructs/replica-alarms.ts';
import { Standby } from '../lib/constructs/standby.ts';
import { Switchover } from '../lib/constructs/switchover.ts';
import { confirmHomeRegion, confirmWritingDatabase } from '../lib/constructs/topology.ts';
import { evidenceBucketName } from '../lib/contracts/stack-names.ts';
import type { Settings } from '../lib/settings/index.ts';
import type { CutoverStack } from './cutover.ts';
import { databaseName, type DataStack } from './data.ts';
import { keyAliasOf } from './foundation.ts';
import type { NetworkStack } from './network.ts';
import type { TradingStateStack } from './trading-state.ts';
import type { TradingStack } from './trading.ts';

/** This Region's. */
export interface RecoveryStackProps extends StackProps {
  readonly settings: Settings;
  readonly state: TradingStateStack;
  readonly network: NetworkStack;
  readonly data: DataStack;
  readonly trading: TradingStack;
  /** Reports go to its bucket, notices to its topic, what is left behind to its last net. */
  readonly cutover: CutoverStack;
}

export class RecoveryStack extends Stack {
  /** Gives back the books that an execution has which was killed. */
  readonly releaser: lambda.IFunction;

  constructor(scope: Construct, id: string, { settings, state, network, data, trading, cutover, ...props }: RecoveryStackProps) {
    super(scope, id, props);
    confirmHomeRegion(this, settings);
    confirmWritingDatabase(this, settings);
    const { databaseInstanceIdentifier } = data;
    const { alarms } = new ReplicaAlarms(this, 'Replica', { settings, databaseInstanceIdentifier });
    const reports = s3.Bucket.fromBucketName(this, 'Reports', cutover.reportsName);
    const standby = new Standby(this, 'Standby', { settings, leaseTable: state.leaseTable, parts: cutover.parts, reports });
    const functions = new RecoveryFunctions(this, 'Functions', {
      settings, leaseTable: state.leaseTable, journalTable: state.journalTable, network,
      database: { host: data.database.dbInstanceEndpointAddress, port: data.database.dbInstanceEndpointPort, name: databaseName },
      databaseSecret: data.roleSecrets.recovery, key: data.key,
    });
    this.releaser = functions.control.function;
    const failover = new Failover(this, 'Failover', {
      settings, functions, databaseInstanceIdentifier,
      books: trading.books,
      secrets: {
        ...data.databaseSecrets,
        ...Object.fromEntries(trading.books.map(({ venueSecretName, venueSecret }) => [venueSecretName, venueSecret])),
      },
      reports, topicArn: cutover.topic.topicArn,
    });
    if (settings.recovery.automatic) {
      const watch = new FailoverWatch(this, 'FailoverWatch', {
        settings, leaseTable: state.leaseTable, journalTable: state.journalTable, machine: failover.machine.machine,
      });
      cutover.announce(watch.function.errorsAlarm);
    }
    const switchover = new Switchover(this, 'Switchover', {
      settings, leaseTable: state.leaseTable, parts: failover.parts, reports,
      secrets: [
        ...Object.keys(data.databaseSecrets).map((name) => ({ name, keyAlias: keyAliasOf(settings, 'data') })),
        ...trading.books.map(({ venueSecretName: name }) => ({ name, keyAlias: keyAliasOf(settings, 'venue') })),
      ],
    });
    const restore = new DatabaseRestore(this, 'Restore', {
      settings, parts: failover.parts, switchover, leaseTable: state.leaseTable, journalTable: state.journalTable, network, databaseName,
      masterSecret: data.databaseSecret, key: data.key, reports, evidence: s3.Bucket.fromBucketName(this, 'Evidence', evidenceBucketName(settings, this.region)),
    });
    for (const { machine } of [standby.refresh, failover.machine, restore.machine, ...switchover.machines]) cutover.letPublish(machine);
    for (const alarm of [...alarms, ...standby.alarms, ...failover.alarms, ...switchover.alarms, ...restore.alarms]) cutover.announce(alarm);
  }
}
