/**
 * Where traders run and whom they may talk to: three zones, fixed addresses towards the venue, and the security
 * groups of traders, database and cache together in one place, so that who reaches whom is read here.
 */
import { Fn, RemovalPolicy, Stack, type StackProps, Tags, Validations } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { retentionOf } from '../lib/constructs/log-retention.ts';
import { keepAsRecorded } from '../lib/constructs/topology.ts';
import type { RegionSettings, Settings } from '../lib/settings/index.ts';

export const databasePort = 5432;
export const cachePort = 6379;

/** The same in both Regions: each has both. */
export function venueAddressesParameterName({ environment }: Settings, region: string): string {
  return `/baton/${environment}/venue-addresses/${region}`;
}

export interface NetworkStackProps extends StackProps {
  readonly settings: Settings;
  /** Which of the two this is. */
  readonly of: RegionSettings;
}

export class NetworkStack extends Stack {
  readonly vpc: ec2.IVpc;
  readonly traderSecurityGroup: ec2.SecurityGroup;
  /** For functions that speak SQL. */
  readonly databaseClientSecurityGroup: ec2.SecurityGroup;
  /** For the function that rotates what opens the database and Redis. */
  readonly credentialSecurityGroup: ec2.SecurityGroup;
  readonly databaseSecurityGroup: ec2.SecurityGroup;
  readonly cacheSecurityGroup: ec2.SecurityGroup;
  /** For functions that speak to the venue. */
  readonly venueClientSecurityGroup: ec2.SecurityGroup;
  readonly natGatewayIds: readonly string[];
  readonly #zones: string[];

  constructor(scope: Construct, id: string, { settings, of, ...props }: NetworkStackProps) {
    super(scope, id, props);
    this.#zones = of.zones;

    // The venue's allow-list names these addresses: they outlive the stack, and are never given back by a deployment.
    const addresses = Array.from({ length: settings.network.natGateways }, (_, index) => {
      const address = new ec2.CfnEIP(this, `NatAddress${index + 1}`, { domain: 'vpc' });
      address.applyRemovalPolicy(RemovalPolicy.RETAIN);
      Tags.of(address).add('Name', `baton-${settings.environment}-nat-${index + 1}`);
      return address;
    });
    // An exchange key is bound to the addresses of both Regions: each Region says its own, and keeps a copy of the other's (stacks/keys.ts).
    keepAsRecorded(new ssm.CfnParameter(this, 'VenueAddresses', {
      name: venueAddressesParameterName(settings, of.name),
      type: 'String',
      value: Fn.join(',', addresses.map(({ ref }) => ref)),
      description: 'From where this Region speaks to the venue.',
    }));

    // The CDK's classes miss their own interfaces by a hair under exactOptionalPropertyTypes: hence `as`, here and below.
    this.vpc = new ec2.Vpc(this, 'Vpc', {
      vpcName: `baton-${settings.environment}`,
      ipAddresses: ec2.IpAddresses.cidr(of.cidr),
      availabilityZones: this.#zones,
      natGateways: settings.network.natGateways,
      natGatewayProvider: ec2.NatProvider.gateway({ eipAllocationIds: addresses.map((address) => address.attrAllocationId) }),
      subnetConfiguration: [
        { name: 'public', subnetType: ec2.SubnetType.PUBLIC, mapPublicIpOnLaunch: false },
        { name: 'private', subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
        { name: 'isolated', subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
      ],
      // Nothing uses the default security group; emptying it would take a Lambda-backed resource.
      restrictDefaultSecurityGroup: false,
      // Free, and the lease table stays reachable when a NAT gateway does not. Eight interface endpoints in three
      // zones would cost more than the database.
      gatewayEndpoints: {
        DynamoDb: { service: ec2.GatewayVpcEndpointAwsService.DYNAMODB },
        S3: { service: ec2.GatewayVpcEndpointAwsService.S3 },
      },
    }) as ec2.IVpc;
    this.natGatewayIds = this.vpc.node.findAll().filter((each) => each instanceof ec2.CfnNatGateway).map(({ ref }) => ref);
    this.vpc.addFlowLog('FlowLog', {
      destination: ec2.FlowLogDestination.toCloudWatchLogs(
        new logs.LogGroup(this, 'FlowLogGroup', {
          logGroupName: `/baton/${settings.environment}/flow`,
          retention: retentionOf(settings),
          removalPolicy: RemovalPolicy.RETAIN,
        }),
      ),
      trafficType: ec2.FlowLogTrafficType.ALL,
    });

    Validations.of(this).acknowledge({
      id: 'CloudFormation-Validate::W3010',
      reason: 'The zones are settings: a subnet must not move because an account lists its zones in another order.',
    });

    const group = (name: string, description: string): ec2.SecurityGroup =>
      new ec2.SecurityGroup(this, name, { vpc: this.vpc, description, allowAllOutbound: false });
    this.traderSecurityGroup = group('TraderSecurityGroup', 'Trading tasks: out to venue, AWS, database and cache; nothing comes in');
    this.venueClientSecurityGroup = group('VenueClientSecurityGroup', 'Functions that manage exchange keys: out to venue and AWS; nothing comes in');
    this.databaseClientSecurityGroup = group('DatabaseClientSecurityGroup', 'Functions that speak SQL: out to AWS and the database; nothing comes in');
    this.credentialSecurityGroup = group('CredentialSecurityGroup', 'Rotation of credentials: out to AWS, the database and the cache; nothing comes in');
    this.databaseSecurityGroup = group('DatabaseSecurityGroup', 'PostgreSQL: from trading tasks and functions that speak SQL only');
    this.cacheSecurityGroup = group('CacheSecurityGroup', 'Redis: from trading tasks, and from what rotates its token');

    // AWS's own interfaces are at 443, wherever the venue is. Security groups know no names.
    for (const port of new Set([443, ...settings.network.venuePorts])) {
      for (const each of [this.traderSecurityGroup, this.venueClientSecurityGroup]) {
        each.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(port), `Out to venue and AWS at ${port}`);
      }
    }
    this.traderSecurityGroup.connections.allowTo(this.databaseSecurityGroup, ec2.Port.tcp(databasePort), 'Traders to PostgreSQL');
    this.traderSecurityGroup.connections.allowTo(this.cacheSecurityGroup, ec2.Port.tcp(cachePort), 'Traders to Redis');
    this.databaseClientSecurityGroup.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), 'Out to AWS');
    this.databaseClientSecurityGroup.connections.allowTo(this.databaseSecurityGroup, ec2.Port.tcp(databasePort), 'Functions to PostgreSQL');
    this.credentialSecurityGroup.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), 'Out to AWS');
    this.credentialSecurityGroup.connections.allowTo(this.databaseSecurityGroup, ec2.Port.tcp(databasePort), 'Rotation to PostgreSQL');
    this.credentialSecurityGroup.connections.allowTo(this.cacheSecurityGroup, ec2.Port.tcp(cachePort), 'Rotation to Redis');
  }

  /** From the settings: looked up, they would need credentials at synth. */
  override get availabilityZones(): string[] {
    return this.#zones;
  }
}
