/**
 * The template of the task that changes a book's schema: the trader's own image with the command `migrate`, and a role
 * that may read the database's secret and nothing else. It holds no lease and no key of the venue, so whatever an image
 * does with that command, it cannot trade. As the trading template, it names an image that no registry has.
 */
import { Stack, Validations } from 'aws-cdk-lib';
import type * as ecr from 'aws-cdk-lib/aws-ecr';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { MigrationEnvironment } from '../contracts/task-environment.ts';
import { arnInPolicies } from './replicated-secret.ts';

export interface MigrationTaskTemplateProps {
  readonly family: string;
  readonly repository: ecr.IRepository;
  readonly logGroup: logs.ILogGroup;
  readonly databaseSecret: { readonly secret: secretsmanager.ISecret; readonly key: kms.IKey };
  readonly environment: MigrationEnvironment;
}

const noImage = `sha256:${'0'.repeat(64)}`;
/** Nobody in particular, as in the Dockerfile. */
const user = '65532:65532';

export class MigrationTaskTemplate extends Construct {
  readonly taskRole: iam.Role;
  readonly executionRole: iam.Role;

  constructor(scope: Construct, id: string, props: MigrationTaskTemplateProps) {
    super(scope, id);
    this.taskRole = this.#role('TaskRole', 'What a migration of the schema may do');
    const { secret, key } = props.databaseSecret;
    this.taskRole.addToPolicy(new iam.PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [arnInPolicies(secret)] }));
    this.taskRole.addToPolicy(
      new iam.PolicyStatement({
        actions: ['kms:Decrypt'],
        resources: [key.keyArn],
        conditions: { StringEquals: { 'kms:ViaService': `secretsmanager.${Stack.of(this).region}.amazonaws.com` } },
      }),
    );
    this.executionRole = this.#role('ExecutionRole', 'What ECS may do to start a migration of the schema');
    this.executionRole.addToPolicy(
      new iam.PolicyStatement({
        actions: ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
        resources: [props.repository.repositoryArn],
      }),
    );
    this.executionRole.addToPolicy(new iam.PolicyStatement({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }));
    Validations.of(this.executionRole).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]', reason: 'ecr:GetAuthorizationToken takes no resource.',
    });
    props.logGroup.grantWrite(this.executionRole);

    const definition = new ecs.FargateTaskDefinition(this, 'Template', {
      family: props.family,
      cpu: 256,
      memoryLimitMiB: 512,
      taskRole: this.taskRole,
      executionRole: this.executionRole.withoutPolicyUpdates(),
      runtimePlatform: { cpuArchitecture: ecs.CpuArchitecture.X86_64, operatingSystemFamily: ecs.OperatingSystemFamily.LINUX },
    });
    const linuxParameters = new ecs.LinuxParameters(this, 'Linux', { initProcessEnabled: true });
    linuxParameters.dropCapabilities(ecs.Capability.ALL);
    definition.addContainer('migrate', {
      image: ecs.ContainerImage.fromEcrRepository(props.repository, noImage),
      command: ['migrate', 'expand'],
      environment: { ...props.environment },
      user,
      readonlyRootFilesystem: true,
      linuxParameters,
      logging: ecs.LogDrivers.awsLogs({ logGroup: props.logGroup, streamPrefix: 'migrate' }),
    });
    Validations.of(definition).acknowledge({
      id: 'AwsSolutions-ECS2', reason: 'The variables name things; the secret is named by ARN and read at run time.',
    });
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
