/**
 * A network that leads nowhere: no gateway to the internet, no peering, no address of the ledger's own network. What is restored from a backup answers here to the
 * functions that look into it, and to the shadow trader of a drill. They reach beside it the evidence, the tables and secrets of their own, and the images, by
 * endpoints that let nothing else through.
 *
 * A network of its own, and not subnets beside the ledger's: nothing that is added there can lead from here to the venue or to what trades.
 */
import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elasticache from 'aws-cdk-lib/aws-elasticache';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as rds from 'aws-cdk-lib/aws-rds';
import { Construct } from 'constructs';
import type { Settings } from '../settings/index.ts';
import { retentionOf } from './log-retention.ts';

export interface IsolatedNetworkProps {
  readonly settings: Settings;
  /** Two of this Region's: a database wants subnets in two. */
  readonly zones: readonly string[];
  readonly ports: { readonly database: number; readonly cache: number };
  /** What can be read and written through the endpoints, and nothing else. */
  readonly evidenceArn: string;
  readonly journalTableArn: string;
  readonly checkSecretArn: string;
  readonly drill: {
    readonly leaseTableArn: string;
    /** The only book that anything here may write. */
    readonly book: string;
    readonly secretArns: readonly string[];
    readonly repositoryArns: readonly string[];
    readonly logGroupArn: string;
  };
}

/** It meets no other network, so both Regions have the same. */
const cidr = '10.255.0.0/24';

export class IsolatedNetwork extends Construct {
  readonly vpc: ec2.Vpc;
  readonly checkerSecurityGroup: ec2.SecurityGroup;
  readonly restoredSecurityGroup: ec2.SecurityGroup;
  readonly shadowSecurityGroup: ec2.SecurityGroup;
  readonly databaseSubnets: rds.SubnetGroup;
  readonly cacheSubnetGroupName: string;

  constructor(scope: Construct, id: string, props: IsolatedNetworkProps) {
    super(scope, id);
    const { settings, zones, ports } = props;
    const prefix = `baton-${settings.environment}`;
    this.vpc = new ec2.Vpc(this, 'Vpc', {
      vpcName: `${prefix}-verification`,
      ipAddresses: ec2.IpAddresses.cidr(cidr),
      availabilityZones: zones.slice(0, 2),
      natGateways: 0,
      createInternetGateway: false,
      subnetConfiguration: [{ name: 'isolated', subnetType: ec2.SubnetType.PRIVATE_ISOLATED }],
      restrictDefaultSecurityGroup: false,
    });
    const vpc = this.vpc as ec2.IVpc;
    this.vpc.addFlowLog('FlowLog', {
      destination: ec2.FlowLogDestination.toCloudWatchLogs(new logs.LogGroup(this, 'FlowLogGroup', {
        logGroupName: `/baton/${settings.environment}/verification-flow`, retention: retentionOf(settings), removalPolicy: RemovalPolicy.RETAIN,
      })),
      trafficType: ec2.FlowLogTrafficType.ALL,
    });
    Validations.of(this.vpc).acknowledge({ id: 'CloudFormation-Validate::W3010', reason: 'The zones are settings: a subnet must not move because an account lists its zones in another order.' });
    const group = (name: string, description: string): ec2.SecurityGroup => new ec2.SecurityGroup(this, name, { vpc, description, allowAllOutbound: false });
    this.checkerSecurityGroup = group('CheckerSecurityGroup', 'The checker: to what was restored, and to endpoints');
    this.restoredSecurityGroup = group('RestoredSecurityGroup', 'What was restored: answers the checker and opens nothing itself');
    this.shadowSecurityGroup = group('ShadowSecurityGroup', 'The shadow trader of a drill: to what was restored, and to endpoints');
    const endpoint = group('EndpointSecurityGroup', 'The endpoints: answer those who look into what was restored, and the shadow trader');
    for (const [port, what] of [[ports.database, 'PostgreSQL'], [ports.cache, 'Redis']] as const) {
      this.checkerSecurityGroup.connections.allowTo(this.restoredSecurityGroup, ec2.Port.tcp(port), `Checker to restored ${what}`);
    }
    this.shadowSecurityGroup.connections.allowTo(this.restoredSecurityGroup, ec2.Port.tcp(ports.database), 'Shadow trader to restored PostgreSQL');
    for (const [each, who] of [[this.checkerSecurityGroup, 'Checker'], [this.shadowSecurityGroup, 'Shadow trader']] as const) {
      each.connections.allowTo(endpoint, ec2.Port.tcp(443), `${who} to the interface endpoints`);
      // The gateway endpoints of S3 and DynamoDB have addresses of AWS's own; there is no route to any other.
      each.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), `${who} to the gateway endpoints`);
    }
    this.#endpoints(props, endpoint, zones[0] ?? '');

    this.databaseSubnets = new rds.SubnetGroup(this, 'DatabaseSubnets', {
      subnetGroupName: `${prefix}-verification`, description: 'Baton: databases that are verified', vpc, vpcSubnets: { subnets: this.vpc.isolatedSubnets },
    });
    const cacheSubnets = new elasticache.CfnSubnetGroup(this, 'CacheSubnets', {
      cacheSubnetGroupName: `${prefix}-verification`, description: 'Baton: caches that are verified', subnetIds: this.vpc.isolatedSubnets.map(({ subnetId }) => subnetId),
    });
    this.cacheSubnetGroupName = cacheSubnets.ref;
  }

  #endpoints({ evidenceArn, journalTableArn, checkSecretArn, drill }: IsolatedNetworkProps, securityGroup: ec2.SecurityGroup, zone: string): void {
    const { account, region, partition } = Stack.of(this);
    const only = (actions: string[], resources: readonly string[], conditions: Record<string, Record<string, string>> = {}): iam.PolicyStatement =>
      new iam.PolicyStatement({
        principals: [new iam.AnyPrincipal()], actions, resources: [...resources], conditions: { ...conditions, StringEquals: { 'aws:PrincipalAccount': account } },
      });
    const ofTheShadow = { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': drill.book }, Null: { 'dynamodb:LeadingKeys': 'false' } };
    const s3 = this.vpc.addGatewayEndpoint('S3', { service: ec2.GatewayVpcEndpointAwsService.S3 });
    s3.addToPolicy(only(['s3:GetObject'], [`${evidenceArn}/*`]));
    // Layers of images come from a bucket of ECR's, asked for in its name (Amazon ECR User Guide, "Minimum Amazon S3 bucket permissions for Amazon ECR").
    s3.addToPolicy(new iam.PolicyStatement({
      principals: [new iam.AnyPrincipal()], actions: ['s3:GetObject'], resources: [`arn:${partition}:s3:::prod-${region}-starport-layer-bucket/*`],
    }));
    const dynamodb = this.vpc.addGatewayEndpoint('DynamoDb', { service: ec2.GatewayVpcEndpointAwsService.DYNAMODB });
    dynamodb.addToPolicy(only(['dynamodb:Query'], [journalTableArn]));
    dynamodb.addToPolicy(only(
      ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem', 'dynamodb:Query'], [drill.leaseTableArn, journalTableArn], ofTheShadow,
    ));
    // In one zone: when that is lost, there is more to do than to verify a backup.
    const interfaceEndpoint = (name: string, service: ec2.InterfaceVpcEndpointAwsService): ec2.InterfaceVpcEndpoint => this.vpc.addInterfaceEndpoint(name, {
      service, privateDnsEnabled: true, securityGroups: [securityGroup], open: false, subnets: { availabilityZones: [zone] },
    });
    interfaceEndpoint('Secrets', ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER)
      .addToPolicy(only(['secretsmanager:GetSecretValue'], [checkSecretArn, ...drill.secretArns]));
    const pull = ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'];
    for (const [name, service] of [['Registry', ec2.InterfaceVpcEndpointAwsService.ECR], ['Images', ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER]] as const) {
      const endpoint = interfaceEndpoint(name, service);
      endpoint.addToPolicy(only(pull, drill.repositoryArns));
      endpoint.addToPolicy(only(['ecr:GetAuthorizationToken'], ['*']));
    }
    interfaceEndpoint('Logs', ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS).addToPolicy(only(['logs:CreateLogStream', 'logs:PutLogEvents'], [drill.logGroupArn]));
  }
}
