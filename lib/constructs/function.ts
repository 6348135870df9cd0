/**
 * A function of a contract, as the cloud runs it: its own role, log group and alarm, the contract's environment
 * and time-out. What the role may do is granted by the stack; nothing else is.
 */
import { ArnFormat, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { EnvironmentIn, FunctionContract } from '../contracts/step.ts';
import { bundleOf } from './bundles.ts';

export interface MonitoredFunctionProps {
  /** In the name of the function; of the folder in lambdas/ too, unless that is another. */
  readonly name: string;
  readonly folder?: string;
  /** `baton-<environment>`. */
  readonly prefix: string;
  readonly purpose: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly logRetention: logs.RetentionDays;
  readonly logKey?: kms.IKey;
  readonly errorImpact: string;
  /** The page that says what to do. */
  readonly runbook: string;
  /** For what cannot be reached from outside a network. */
  readonly network?: FunctionNetwork;
  /** Where two calls side by side would each undo what the other does. */
  readonly oneAtATime?: boolean;
}

export interface FunctionNetwork {
  readonly vpc: ec2.IVpc;
  readonly subnets: ec2.SubnetSelection;
  readonly securityGroup: ec2.ISecurityGroup;
}

/** CPU comes with memory: below this, a cold start waits for it. */
const memoryMb = 512;

export class MonitoredFunction extends Construct {
  readonly function: lambda.Function;
  readonly errorsAlarm: cloudwatch.Alarm;

  constructor(scope: Construct, id: string, props: MonitoredFunctionProps) {
    super(scope, id);
    const functionName = `${props.prefix}-${props.name}`;
    const logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
      ...(props.logKey && { encryptionKey: props.logKey }),
    });
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: `Role of ${functionName}`,
    });
    logGroup.grantWrite(role);
    if (props.network !== undefined) this.#letAttach(role, props.network);
    this.function = new lambda.Function(this, 'Function', {
      functionName,
      description: props.purpose,
      code: bundleOf(this, props.folder ?? props.name),
      handler: 'index.handler',
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      memorySize: memoryMb,
      timeout: Duration.seconds(props.timeoutSeconds),
      environment: { ...props.environment },
      role,
      logGroup,
      ...(props.oneAtATime === true && { reservedConcurrentExecutions: 1 }),
      ...(props.network && { vpc: props.network.vpc, vpcSubnets: props.network.subnets, securityGroups: [props.network.securityGroup] }),
    });
    this.errorsAlarm = this.function.metricErrors({ period: Duration.minutes(1) }).createAlarm(this, 'Errors', {
      alarmName: `${functionName}-errors`,
      alarmDescription: `${props.errorImpact} Runbook: ${props.runbook}`,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }

  /** Lambda attaches a function to a network in the function's own name (Lambda Developer Guide, "Required IAM permissions"). */
  #letAttach(role: iam.Role, { vpc, subnets, securityGroup }: FunctionNetwork): void {
    const arn = (resource: string, resourceName: string): string => Stack.of(this).formatArn({ service: 'ec2', resource, resourceName });
    const interfaces = arn('network-interface', '*');
    const subnetArns = vpc.selectSubnets(subnets).subnetIds.map((id) => arn('subnet', id));
    role.addToPolicy(new iam.PolicyStatement({
      actions: ['ec2:CreateNetworkInterface'], resources: [interfaces, ...subnetArns, arn('security-group', securityGroup.securityGroupId)],
    }));
    role.addToPolicy(new iam.PolicyStatement({
      actions: ['ec2:DeleteNetworkInterface', 'ec2:AssignPrivateIpAddresses', 'ec2:UnassignPrivateIpAddresses'], resources: [interfaces],
    }));
    role.addToPolicy(new iam.PolicyStatement({ actions: ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets'], resources: ['*'] }));
    Validations.of(role).acknowledge(
      { id: `AwsSolutions-IAM5[Resource::${interfaces}]`, reason: 'Lambda names the interfaces that it makes.' },
      { id: 'AwsSolutions-IAM5[Resource::*]', reason: 'To describe interfaces and subnets knows no resource.' },
    );
  }
}

export interface ContractFunctionProps<C extends FunctionContract> {
  readonly contract: C;
  readonly environment: EnvironmentIn<C> & Readonly<Record<string, string>>;
  readonly prefix: string;
  readonly logRetention: logs.RetentionDays;
  readonly network?: FunctionNetwork;
  readonly oneAtATime?: boolean;
  /** Where the same function is deployed once more, for another purpose: what is not as in the contract. */
  readonly as?: Pick<FunctionContract, 'name' | 'purpose' | 'errorImpact' | 'runbook'>;
}

/** A function whose steps a state machine may call. */
export class ContractFunction<C extends FunctionContract> extends MonitoredFunction {
  readonly contract: C;

  constructor(scope: Construct, id: string, props: ContractFunctionProps<C>) {
    const { contract, environment, prefix, logRetention, network, oneAtATime = false, as = contract } = props;
    const { name, purpose, errorImpact, runbook } = as;
    const { name: folder, timeoutSeconds } = contract;
    super(scope, id, { name, folder, purpose, timeoutSeconds, errorImpact, runbook, environment, prefix, logRetention, oneAtATime, ...(network && { network }) });
    this.contract = contract;
  }
}

/** What a state machine needs to know of a function that it calls. */
export interface InvokedFunction<C extends FunctionContract> {
  readonly contract: C;
  readonly function: Pick<lambda.IFunction, 'functionArn' | 'resourceArnsForGrantInvoke'>;
}

/** A function of another stack, by its name: what calls it needs no reference between stacks, and no leave for its versions. */
export function functionByName<C extends FunctionContract>(scope: Construct, contract: C, prefix: string): InvokedFunction<C> {
  const functionArn = functionArnOf(scope, contract, prefix);
  return { contract, function: { functionArn, resourceArnsForGrantInvoke: [functionArn] } };
}

export function functionArnOf(scope: Construct, { name }: Pick<FunctionContract, 'name'>, prefix: string): string {
  return Stack.of(scope).formatArn({ service: 'lambda', resource: 'function', resourceName: `${prefix}-${name}`, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
}

/**
 * Where each book has a function of its own: the one of the book that is named when the machine runs.
 * @param book a JSONata expression, without its delimiters
 */
export function functionOfBook<C extends FunctionContract>(functions: ReadonlyMap<string, ContractFunction<C>>, book: string): InvokedFunction<C> {
  const all = [...functions];
  const [first] = all;
  if (first === undefined) throw new Error('There is no book, so no function of one. The settings name at least one.');
  const arns = all.map(([name, { function: each }]) => `'${name}': '${each.functionArn}'`).join(', ');
  return {
    contract: first[1].contract,
    function: { functionArn: `{% $lookup({ ${arns} }, ${book}) %}`, resourceArnsForGrantInvoke: all.map(([, { function: each }]) => each.functionArn) },
  };
}
