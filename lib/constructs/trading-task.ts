/**
 * The template of a trading task: the guard and the trader beside it, neither able to do more than its work. It
 * names images by a digest that no image has: a cutover fills in the true ones, and the template itself never runs.
 */
import { Duration, Stack, Validations } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type * as ecr from 'aws-cdk-lib/aws-ecr';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { GuardTemplateEnvironment, PaperVenueEnvironment, TraderTemplateEnvironment } from '../contracts/task-environment.ts';
import type { TaskSize } from '../contracts/task-size.ts';
import { arnInPolicies } from './replicated-secret.ts';

export interface TradingTaskTemplateProps {
  readonly family: string;
  readonly book: string;
  readonly size: TaskSize;
  readonly leaseTable: dynamodb.ITableV2;
  readonly journalTable: dynamodb.ITableV2;
  /** Read by the trader at run time; none is injected, so none is in an environment dump. */
  readonly secrets: ReadonlyArray<{ readonly secret: secretsmanager.ISecret; readonly key: kms.IKey }>;
  readonly guardRepository: ecr.IRepository;
  readonly traderRepository: ecr.IRepository;
  readonly logGroup: logs.ILogGroup;
  readonly guard: GuardTemplateEnvironment;
  readonly trader: TraderTemplateEnvironment;
  /** Beside them, for a drill: the venue on paper, of the guard's image. */
  readonly paperVenue?: PaperVenueEnvironment;
}

interface ContainerProgram {
  /** The rest of an address, within quotes, after the host. */
  readonly health: string;
  /** Instead of the image's. */
  readonly entryPoint?: string[];
}
const paperVenue: ContainerProgram = { health: "'+process.env.BATON_VENUE_PORT+'/v5/market/time", entryPoint: ['/nodejs/bin/node', '/app/paper-venue.mjs'] };

const noImage = `sha256:${'0'.repeat(64)}`;
/** Fargate's longest: a task that is stopped drains and hands over within it. */
const stopTimeoutSeconds = 120;
/** Nobody in particular, as in both Dockerfiles: set here too, so that no image decides whom it runs as. */
const user = '65532:65532';

export class TradingTaskTemplate extends Construct {
  readonly taskRole: iam.Role;
  readonly executionRole: iam.Role;

  constructor(scope: Construct, id: string, props: TradingTaskTemplateProps) {
    super(scope, id);
    this.taskRole = this.#taskRole(props);
    this.executionRole = this.#executionRole(props);
    const definition = new ecs.FargateTaskDefinition(this, 'Template', {
      family: props.family,
      cpu: props.size.vcpu * 1024,
      memoryLimitMiB: props.size.memoryGb * 1024,
      taskRole: this.taskRole,
      executionRole: this.executionRole.withoutPolicyUpdates(),
      runtimePlatform: { cpuArchitecture: ecs.CpuArchitecture.X86_64, operatingSystemFamily: ecs.OperatingSystemFamily.LINUX },
    });
    if (props.paperVenue !== undefined) this.#container(definition, 'venue', props.guardRepository, props.logGroup, { ...props.paperVenue }, paperVenue);
    this.#container(definition, 'guard', props.guardRepository, props.logGroup, { ...props.guard });
    this.#container(definition, 'trader', props.traderRepository, props.logGroup, { ...props.trader });
    Validations.of(definition).acknowledge({
      id: 'AwsSolutions-ECS2',
      reason: 'The variables name things; every secret is named by ARN and read at run time.',
    });
  }

  #container(
    definition: ecs.FargateTaskDefinition,
    name: 'guard' | 'trader' | 'venue',
    repository: ecr.IRepository,
    logGroup: logs.ILogGroup,
    variables: Readonly<Record<string, string | undefined>>,
    { health, ...program }: ContainerProgram = { health: "'+process.env.BATON_GUARD_PORT+'/healthz" },
  ): void {
    const environment = Object.fromEntries(Object.entries(variables).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
    const linuxParameters = new ecs.LinuxParameters(this, `${name}-linux`, { initProcessEnabled: true });
    linuxParameters.dropCapabilities(ecs.Capability.ALL);
    definition.addContainer(name, {
      image: ecs.ContainerImage.fromEcrRepository(repository, noImage),
      essential: true,
      environment,
      ...program,
      user,
      readonlyRootFilesystem: true,
      linuxParameters,
      stopTimeout: Duration.seconds(stopTimeoutSeconds),
      // Either is healthy only while the pair works: the guard judges, and says so to both. No curl in the images.
      healthCheck: {
        command: [
          'CMD', 'node', '-e',
          `fetch('http://127.0.0.1:${health}').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))`,
        ],
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        retries: 3,
        startPeriod: Duration.seconds(30),
      },
      // Never blocking: a log service that does not answer must not hold up an order.
      logging: ecs.LogDrivers.awsLogs({ logGroup, streamPrefix: name, mode: ecs.AwsLogDriverMode.NON_BLOCKING }),
    });
  }

  /** Shared by both containers, as every role of a task is: the trader's image is trusted not to write the lease. */
  #taskRole(props: TradingTaskTemplateProps): iam.Role {
    const role = this.#role('TaskRole', `What a trading task of book ${props.book} may do`);
    // This book's items only: the tables hold every book's. ForAllValues alone holds for a request that names no key.
    const ofThisBook = {
      'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [props.book] },
      Null: { 'dynamodb:LeadingKeys': 'false' },
    };
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'Lease',
        actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem', 'dynamodb:Query'],
        resources: [props.leaseTable.tableArn],
        conditions: ofThisBook,
      }),
    );
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'Journal',
        actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:Query'],
        resources: [props.journalTable.tableArn],
        conditions: ofThisBook,
      }),
    );
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'Secrets',
        actions: ['secretsmanager:GetSecretValue'],
        resources: props.secrets.map(({ secret }) => arnInPolicies(secret)),
      }),
    );
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'SecretKeys',
        actions: ['kms:Decrypt'],
        resources: [...new Set(props.secrets.map(({ key }) => key.keyArn))],
        conditions: { StringEquals: { 'kms:ViaService': `secretsmanager.${Stack.of(this).region}.amazonaws.com` } },
      }),
    );
    return role;
  }

  /** What ECS itself needs to start the task: its two images and a place for its logs. */
  #executionRole(props: TradingTaskTemplateProps): iam.Role {
    const role = this.#role('ExecutionRole', `What ECS may do to start a trading task of book ${props.book}`);
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'Images',
        actions: ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
        resources: [props.guardRepository.repositoryArn, props.traderRepository.repositoryArn],
      }),
    );
    role.addToPolicy(new iam.PolicyStatement({ sid: 'RegistryLogin', actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }));
    props.logGroup.grantWrite(role);
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'ecr:GetAuthorizationToken takes no resource.',
    });
    return role;
  }

  #role(id: string, description: string): iam.Role {
    return new iam.Role(this, id, {
      description,
      assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
  }
}
