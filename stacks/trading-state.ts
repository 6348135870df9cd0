/**
 * The lease and the journal: two tables that two Regions see alike, judged by a witness in a third. All that a
 * takeover needs is the data plane of these tables. The first Region declares them and creates the books' leases, wherever
 * home is; the second knows them by their names. Each records for itself where home is.
 */
import { ArnFormat, CustomResource, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { DependencyGroup } from 'constructs';
import type * as z from 'zod/mini';
import { MonitoredFunction } from '../lib/constructs/function.ts';
import { retentionOf } from '../lib/constructs/log-retention.ts';
import { recordHomeRegion } from '../lib/constructs/topology.ts';
import type { BatonBookProperties, createBookEnvironment } from '../lib/contracts/create-book.ts';
import { noticesTopicOf } from '../lib/contracts/stack-names.ts';
import type { Settings } from '../lib/settings/index.ts';

export interface TradingStateStackProps extends StackProps {
  readonly settings: Settings;
}

export class TradingStateStack extends Stack {
  readonly leaseTable: dynamodb.ITableV2;
  readonly journalTable: dynamodb.ITableV2;

  constructor(scope: Construct, id: string, { settings, ...props }: TradingStateStackProps) {
    super(scope, id, props);
    const isFirst = this.region === settings.regions.first.name;
    this.leaseTable = this.#table('Lease', settings);
    this.journalTable = this.#table('Journal', settings);
    // A home that the lease of an existing book contradicts was refused by then.
    recordHomeRegion(this, settings, isFirst ? this.#books(settings) : undefined);
  }

  /** MRSC tables know no transactions and no TTL; nothing here wants them. */
  #table(name: 'Lease' | 'Journal', { environment, regions }: Settings): dynamodb.ITableV2 {
    const tableName = `baton-${environment}-${name.toLowerCase()}`;
    if (this.region !== regions.first.name) return dynamodb.TableV2.fromTableName(this, name, tableName);
    return new dynamodb.TableV2(this, name, {
      tableName,
      partitionKey: { name: 'book', type: dynamodb.AttributeType.STRING },
      sortKey: { name: name === 'Lease' ? 'item' : 'entry', type: dynamodb.AttributeType.STRING },
      billing: dynamodb.Billing.onDemand(),
      // An ordinary global table judges conditions on the local copy: two holders.
      multiRegionConsistency: dynamodb.MultiRegionConsistency.STRONG,
      replicas: [{ region: regions.second.name }],
      witnessRegion: regions.witness.name,
      // Neither key can be disabled by anyone: a key that can is one more way to stop every trader. The lease holds
      // names and counters; the journal holds orders, so the use of its key is recorded in CloudTrail.
      encryption: name === 'Lease' ? dynamodb.TableEncryptionV2.dynamoOwnedKey() : dynamodb.TableEncryptionV2.awsManagedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    }) as dynamodb.ITableV2;
  }

  #books(settings: Settings): DependencyGroup {
    const createBook = this.#createBook(settings);
    const books = new DependencyGroup();
    for (const { name } of settings.books) {
      books.add(
        new CustomResource(this, `Book-${name}`, {
          resourceType: 'Custom::BatonBook',
          serviceToken: createBook.functionArn,
          properties: {
            Book: name,
            Home: settings.home,
            LeaseMs: settings.lease.leaseMs,
          } satisfies BatonBookProperties,
          // Taking a book out of the settings must not make its lease forget the epochs it granted.
          removalPolicy: RemovalPolicy.RETAIN,
        }),
      );
    }
    return books;
  }

  /** Creates lease items; what exists it never touches, by the condition of its write. */
  #createBook(settings: Settings): lambda.Function {
    const environment: z.input<typeof createBookEnvironment> = { BATON_LEASE_TABLE: this.leaseTable.tableName };
    const { function: createBook, errorsAlarm } = new MonitoredFunction(this, 'CreateBook', {
      name: 'create-book',
      prefix: `baton-${settings.environment}`,
      purpose: "Creates a book's lease item, halted, with its first deployment",
      environment,
      timeoutSeconds: 60,
      logRetention: retentionOf(settings),
      errorImpact: 'A new book has no lease, so nothing can trade it; books that exist are not affected.',
      runbook: 'docs/runbooks/deploy.md',
    });
    createBook.addToRolePolicy(
      new iam.PolicyStatement({ actions: ['dynamodb:GetItem', 'dynamodb:UpdateItem'], resources: [this.leaseTable.tableArn] }),
    );
    // By its name: the topic comes with a later stack. Before the first of those is there, whoever deploys sees that this fails.
    const topic = this.formatArn({ service: 'sns', resource: noticesTopicOf(settings), arnFormat: ArnFormat.NO_RESOURCE_NAME });
    errorsAlarm.addAlarmAction({ bind: () => ({ alarmActionArn: topic }) });
    return createBook;
  }
}
