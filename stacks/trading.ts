/**
 * Where the traders run, in either Region. The service has the EXTERNAL deployment controller: what runs is a task set, which only the
 * cutover makes and removes, so nothing that is deployed here can start or stop a trader. The task definition
 * synthesized here is the template from which a cutover registers the revision it starts.
 */
import { RemovalPolicy, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { retentionOf } from '../lib/constructs/log-retention.ts';
import { tagBook } from '../lib/constructs/required-tags.ts';
import { MigrationTaskTemplate } from '../lib/constructs/migration-task.ts';
import { replicatedSecret } from '../lib/constructs/replicated-secret.ts';
import { TradingTaskTemplate } from '../lib/constructs/trading-task.ts';
import { confirmHomeRegion, confirmWritingDatabase, keepAsRecorded } from '../lib/constructs/topology.ts';
import type { MarketCalendar } from '../lib/contracts/change.ts';
import { tasksPerColour } from '../lib/contracts/task-size.ts';
import type { BookName } from '../lib/lease/model.ts';
import type { BookSettings, Settings } from '../lib/settings/index.ts';
import { databaseName, type DataStack } from './data.ts';
import { type FoundationStack, keyAliasOf } from './foundation.ts';
import type { NetworkStack } from './network.ts';
import type { TradingStateStack } from './trading-state.ts';

export interface TradingStackProps extends StackProps {
  readonly settings: Settings;
  readonly foundation: FoundationStack;
  readonly network: NetworkStack;
  readonly state: TradingStateStack;
  readonly data: DataStack;
}

type Surroundings = Omit<TradingStackProps, keyof StackProps>;

/** What the cutover needs to know of one book to start a task set of it. */
export interface BookResources {
  readonly name: BookName;
  readonly serviceName: string;
  readonly serviceArn: string;
  /** The family of the synthesized template, and of the revisions that a cutover registers from it. */
  readonly templateFamily: string;
  readonly family: string;
  readonly taskRole: iam.IRole;
  readonly executionRole: iam.IRole;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  /** The SSM parameter that records what runs: made by the first deployment as 'none', written by the cutovers. */
  readonly liveParameterName: string;
  readonly liveParameterArn: string;
  /** The exchange key, by a plain name that is the same in both Regions. */
  readonly venueSecretName: string;
  readonly venueSecret: secretsmanager.ISecret;
  /** Where its guards and traders log. */
  readonly logGroupName: string;
  readonly deploymentWindow: MarketCalendar;
  readonly migrates: boolean;
  readonly migrationTemplateFamily: string;
  readonly migrationFamily: string;
  readonly migrationTaskRole: iam.IRole;
  readonly migrationExecutionRole: iam.IRole;
}

export class TradingStack extends Stack {
  readonly cluster: ecs.ICluster;
  readonly migrationCluster: ecs.ICluster;
  readonly books: readonly BookResources[];
  readonly traderRepository: ecr.IRepository;
  readonly guardRepository: ecr.IRepository;

  constructor(scope: Construct, id: string, { settings, foundation, network, state, data, ...props }: TradingStackProps) {
    super(scope, id, props);
    confirmHomeRegion(this, settings);
    confirmWritingDatabase(this, settings);
    this.traderRepository = this.#repository(settings, 'trader');
    this.guardRepository = this.#repository(settings, 'guard');
    this.#replicateImages(settings);
    this.cluster = new ecs.Cluster(this, 'Cluster', {
      clusterName: `baton-${settings.environment}`,
      vpc: network.vpc,
      containerInsightsV2: ecs.ContainerInsights.ENABLED,
    }) as ecs.ICluster;
    this.cluster.applyRemovalPolicy(RemovalPolicy.RETAIN);
    // Who may stop a migration that hangs may so stop nothing that trades: a task is named by its cluster.
    this.migrationCluster = new ecs.Cluster(this, 'MigrationCluster', {
      clusterName: `baton-${settings.environment}-migrations`,
      vpc: network.vpc,
      containerInsightsV2: ecs.ContainerInsights.ENABLED,
    }) as ecs.ICluster;
    this.books = settings.books.map((book) => this.#book(book, { settings, foundation, network, state, data }));
  }

  #repository(settings: Settings, name: string): ecr.Repository {
    // No lifecycle rule: a rule that counts images can delete the one that runs.
    return new ecr.Repository(this, `${name === 'guard' ? 'Guard' : 'Trader'}Repository`, {
      repositoryName: `baton-${settings.environment}/${name}`,
      imageTagMutability: ecr.TagMutability.IMMUTABLE,
      imageScanOnPush: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }

  /** What is pushed here is in the other Region, too. ECR passes a replicated image on no further, so that both may do it. */
  #replicateImages({ environment, account, regions }: Settings): void {
    const other = this.region === regions.first.name ? regions.second : regions.first;
    new ecr.CfnReplicationConfiguration(this, 'ImageReplication', {
      replicationConfiguration: {
        rules: [
          {
            destinations: [{ region: other.name, registryId: account }],
            repositoryFilters: [{ filter: `baton-${environment}/`, filterType: 'PREFIX_MATCH' }],
          },
        ],
      },
    });
  }

  #book(book: BookSettings, { settings, foundation, network, state, data }: Surroundings): BookResources {
    const name = `baton-${settings.environment}-${book.name}`;
    const venueKey: kms.IKey = foundation.venueKey;
    const venueSecretName = `baton-${settings.environment}/${book.name}/venue`;
    const venueSecret = replicatedSecret(this, `VenueSecret-${book.name}`, {
      settings,
      key: venueKey,
      keyAlias: keyAliasOf(settings, 'venue'),
      secretName: venueSecretName,
      description: `The exchange key of book ${book.name}: { apiKey, secret }, put in by a person or by the rotation`,
      removalPolicy: RemovalPolicy.RETAIN,
      generateSecretString: { secretStringTemplate: JSON.stringify({ apiKey: 'not-yet-set' }), generateStringKey: 'secret' },
    });
    Validations.of(venueSecret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'An exchange makes this secret on its side: our own rotation proves a new key by a signed request before the old one goes.',
    });

    const logGroup = new logs.LogGroup(this, `Log-${book.name}`, {
      logGroupName: `/baton/${settings.environment}/${book.name}`,
      retention: retentionOf(settings),
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const database = {
      BATON_DATABASE_HOST: data.database.dbInstanceEndpointAddress,
      BATON_DATABASE_PORT: data.database.dbInstanceEndpointPort,
      BATON_DATABASE_NAME: databaseName,
    };
    const migration = new MigrationTaskTemplate(this, `Migration-${book.name}`, {
      family: `${name}-migration-template`,
      repository: this.traderRepository,
      logGroup,
      databaseSecret: { secret: data.databaseSecret, key: data.key },
      environment: { ...database, BATON_DATABASE_SECRET_ARN: data.databaseSecret.secretArn },
    });
    const task = new TradingTaskTemplate(this, `Task-${book.name}`, {
      family: `${name}-template`,
      book: book.name,
      size: book.task,
      leaseTable: state.leaseTable,
      journalTable: state.journalTable,
      secrets: [
        { secret: venueSecret, key: venueKey },
        { secret: data.roleSecrets.trader, key: data.key },
        { secret: data.cacheSecret, key: data.key },
      ],
      guardRepository: this.guardRepository,
      traderRepository: this.traderRepository,
      logGroup,
      guard: {
        BATON_BOOK: book.name,
        BATON_LEASE_TABLE: state.leaseTable.tableName,
        BATON_VENUE: book.venue,
        BATON_VENUE_URL: book.venueUrl,
        BATON_VENUE_SECRET_ARN: venueSecret.secretArn,
        BATON_GUARD_PORT: String(guardPort),
        BATON_PROXY_PORT: String(proxyPort),
        BATON_PROXY_HOSTS: book.orderHosts.join(','),
        // A trader that does not say that it is drained holds the book up no longer than one that has died.
        BATON_DRAIN_TIMEOUT_MS: String(settings.lease.leaseMs),
      },
      trader: {
        BATON_BOOK: book.name,
        BATON_GUARD_PORT: String(guardPort),
        BATON_JOURNAL_TABLE: state.journalTable.tableName,
        BATON_VENUE: book.venue,
        BATON_VENUE_URL: book.venueUrl,
        BATON_SYMBOL: book.symbol,
        BATON_ORDERS_PER_SECOND: String(book.ordersPerSecond),
        BATON_CAPITAL: String(book.capital),
        ...database,
        BATON_DATABASE_SECRET_ARN: data.roleSecrets.trader.secretArn,
        BATON_REDIS_HOST: data.cache.host,
        BATON_REDIS_PORT: data.cache.port,
        BATON_REDIS_SECRET_ARN: data.cacheSecret.secretArn,
        BATON_REQUIRES: book.requires.join(','),
      },
    });

    const service = new ecs.CfnService(this, `Service-${book.name}`, {
      serviceName: name,
      cluster: this.cluster.clusterName,
      deploymentController: { type: 'EXTERNAL' },
      schedulingStrategy: 'REPLICA',
      desiredCount: tasksPerColour,
      enableEcsManagedTags: true,
    });
    service.applyRemovalPolicy(RemovalPolicy.RETAIN);

    const liveParameterName = `/baton/${settings.environment}/${book.name}/live`;
    tagBook(book.name, venueSecret, logGroup, migration, task, service);

    const live = new ssm.CfnParameter(this, `Live-${book.name}`, {
      name: liveParameterName,
      type: 'String',
      value: 'none',
      description: 'What runs, as the last cutover recorded it.',
    });
    keepAsRecorded(live);

    return {
      name: book.name as BookName,
      serviceName: name,
      serviceArn: service.ref,
      templateFamily: `${name}-template`,
      family: name,
      taskRole: task.taskRole,
      executionRole: task.executionRole,
      subnetIds: network.vpc.privateSubnets.map((subnet) => subnet.subnetId),
      securityGroupIds: [network.traderSecurityGroup.securityGroupId],
      liveParameterName,
      deploymentWindow: book.deploymentWindow,
      venueSecretName,
      venueSecret,
      migrates: book.migrations,
      migrationTemplateFamily: `${name}-migration-template`,
      migrationFamily: `${name}-migration`,
      migrationTaskRole: migration.taskRole,
      migrationExecutionRole: migration.executionRole,
      // Its name begins with the slash that an ARN has anyway.
      logGroupName: `/baton/${settings.environment}/${book.name}`,
      liveParameterArn: this.formatArn({ service: 'ssm', resource: 'parameter', resourceName: liveParameterName.slice(1) }),
    };
  }
}

/** Loopback of the task's own network; no other task sees it. */
const guardPort = 9070;
const proxyPort = 9071;
