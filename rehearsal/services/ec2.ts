/**
 * EC2: the network that the templates describe. Nothing in a rehearsal runs on it, all processes share this machine's,
 * so what is created is kept as data and shown to whoever asks.
 */
import { AwsError, type OperationHandler, type ResourceHandler, type ResourceRequest, type ServiceModel } from '../cloud/model.ts';
import type { CloudWorld } from '../cloud/world.ts';
import { pageOf } from './pages.ts';

interface Tag {
  readonly Key: string;
  readonly Value: string;
}
interface Kept {
  readonly type: string;
  readonly id: string;
  readonly region: string;
  readonly properties: Readonly<Record<string, any>>;
  /** What was drawn for it besides its id. */
  readonly drawn: Readonly<Record<string, string>>;
}
interface Rule {
  readonly IpProtocol?: string;
  readonly FromPort?: number | string;
  readonly ToPort?: number | string;
  readonly CidrIp?: string;
  readonly Description?: string;
  readonly SourceSecurityGroupId?: string;
  readonly DestinationSecurityGroupId?: string;
}
interface DescribeInput {
  readonly Filters?: ReadonlyArray<{ readonly Name?: string; readonly Values?: readonly string[] }>;
  readonly MaxResults?: number;
  readonly NextToken?: string;
}
interface Listing {
  readonly type: string;
  /** The members of the call's input and output that hold ids and elements. */
  readonly ids: string;
  readonly elements: string;
  readonly notFound: string;
  readonly show: (kept: Kept) => Record<string, unknown>;
  /** What filters other than `tag:…` may ask for, by the filter's name. */
  readonly filters: Readonly<Record<string, (kept: Kept) => readonly unknown[]>>;
}

const describePageMax = 1000;

export function ec2(world: CloudWorld): ServiceModel {
  const resources: Kept[] = [];

  const keep = (request: ResourceRequest, id: string, drawn: Readonly<Record<string, string>> = {}): void => {
    resources.push({ type: request.type, id, region: request.region, properties: request.properties, drawn });
  };
  /** A resource whose `Ref` is an id with the prefix that AWS gives its type. */
  const withId =
    (
      prefix: string,
      attributes: (id: string, request: ResourceRequest, drawn: Readonly<Record<string, string>>) => Record<string, unknown>,
      draw: () => Record<string, string> = () => ({}),
    ): ResourceHandler =>
    (request) => {
      const id = `${prefix}-${world.uniqueId(17)}`;
      const drawn = draw();
      keep(request, id, drawn);
      return { ref: id, attributes: attributes(id, request, drawn) };
    };
  /** A resource that only says something of others. */
  const unnamed: ResourceHandler = (request) => {
    keep(request, request.generatedName);
    return { ref: request.generatedName, attributes: {} };
  };
  const ofType = (type: string, member: string, id: string): readonly Kept[] =>
    resources.filter((kept) => kept.type === `AWS::EC2::${type}` && kept.properties[member] === id);

  function permissions({ id, properties }: Kept, direction: 'Ingress' | 'Egress'): readonly Record<string, unknown>[] {
    const own = (properties[`SecurityGroup${direction}`] ?? []) as readonly Rule[];
    const apart = ofType(`SecurityGroup${direction}`, 'GroupId', id).map((kept) => kept.properties as Rule);
    return [...own, ...apart].map((rule) => {
      const group = rule.SourceSecurityGroupId ?? rule.DestinationSecurityGroupId;
      return {
        IpProtocol: rule.IpProtocol,
        ...(rule.FromPort === undefined ? {} : { FromPort: Number(rule.FromPort) }),
        ...(rule.ToPort === undefined ? {} : { ToPort: Number(rule.ToPort) }),
        IpRanges: rule.CidrIp === undefined ? [] : [{ CidrIp: rule.CidrIp, Description: rule.Description }],
        UserIdGroupPairs: group === undefined ? [] : [{ GroupId: group, UserId: world.accountId, Description: rule.Description }],
      };
    });
  }

  const inVpc = { 'vpc-id': ({ properties }: Kept) => [properties['VpcId']] };
  const listings: Readonly<Record<string, Listing>> = {
    DescribeVpcs: {
      type: 'VPC', ids: 'VpcIds', elements: 'Vpcs', notFound: 'InvalidVpcID.NotFound',
      filters: { 'vpc-id': ({ id }) => [id], cidr: ({ properties }) => [properties['CidrBlock']] },
      show: ({ id, properties }) => ({
        VpcId: id, CidrBlock: properties['CidrBlock'], State: 'available', OwnerId: world.accountId, IsDefault: false, InstanceTenancy: 'default',
      }),
    },
    DescribeSubnets: {
      type: 'Subnet', ids: 'SubnetIds', elements: 'Subnets', notFound: 'InvalidSubnetID.NotFound',
      filters: { ...inVpc, 'subnet-id': ({ id }) => [id], 'availability-zone': ({ properties }) => [properties['AvailabilityZone']] },
      show: ({ id, region, properties }) => ({
        SubnetId: id, VpcId: properties['VpcId'], CidrBlock: properties['CidrBlock'], AvailabilityZone: properties['AvailabilityZone'], State: 'available',
        OwnerId: world.accountId, SubnetArn: `arn:aws:ec2:${region}:${world.accountId}:subnet/${id}`,
        MapPublicIpOnLaunch: isTrue(properties['MapPublicIpOnLaunch']),
      }),
    },
    DescribeSecurityGroups: {
      type: 'SecurityGroup', ids: 'GroupIds', elements: 'SecurityGroups', notFound: 'InvalidGroup.NotFound',
      filters: { ...inVpc, 'group-id': ({ id }) => [id], 'group-name': ({ drawn, properties }) => [properties['GroupName'] ?? drawn['name']] },
      show: (kept) => ({
        GroupId: kept.id, GroupName: kept.properties['GroupName'] ?? kept.drawn['name'], Description: kept.properties['GroupDescription'],
        VpcId: kept.properties['VpcId'], OwnerId: world.accountId,
        IpPermissions: permissions(kept, 'Ingress'), IpPermissionsEgress: permissions(kept, 'Egress'),
      }),
    },
    DescribeRouteTables: {
      type: 'RouteTable', ids: 'RouteTableIds', elements: 'RouteTables', notFound: 'InvalidRouteTableID.NotFound',
      filters: { ...inVpc, 'route-table-id': ({ id }) => [id] },
      show: ({ id, properties }) => ({
        RouteTableId: id, VpcId: properties['VpcId'], OwnerId: world.accountId,
        Associations: ofType('SubnetRouteTableAssociation', 'RouteTableId', id).map((each) => ({
          RouteTableAssociationId: each.id, RouteTableId: id, SubnetId: each.properties['SubnetId'], Main: false, AssociationState: { State: 'associated' },
        })),
        Routes: ofType('Route', 'RouteTableId', id).map(({ properties: route }) => ({
          DestinationCidrBlock: route['DestinationCidrBlock'], GatewayId: route['GatewayId'], NatGatewayId: route['NatGatewayId'],
          State: 'active', Origin: 'CreateRoute',
        })),
      }),
    },
    DescribeNatGateways: {
      type: 'NatGateway', ids: 'NatGatewayIds', elements: 'NatGateways', notFound: 'NatGatewayNotFound',
      filters: { 'nat-gateway-id': ({ id }) => [id], 'subnet-id': ({ properties }) => [properties['SubnetId']], state: () => ['available'] },
      show: ({ id, properties }) => {
        const address = resources.find(({ drawn }) => drawn['AllocationId'] === properties['AllocationId']);
        return {
          NatGatewayId: id, SubnetId: properties['SubnetId'], State: 'available', ConnectivityType: 'public',
          NatGatewayAddresses: [{ AllocationId: properties['AllocationId'], PublicIp: address?.id, Status: 'succeeded' }],
        };
      },
    },
    DescribeInternetGateways: {
      type: 'InternetGateway', ids: 'InternetGatewayIds', elements: 'InternetGateways', notFound: 'InvalidInternetGatewayID.NotFound',
      filters: { 'internet-gateway-id': ({ id }) => [id] },
      show: ({ id }) => ({
        InternetGatewayId: id, OwnerId: world.accountId,
        Attachments: ofType('VPCGatewayAttachment', 'InternetGatewayId', id).map(({ properties }) => ({ VpcId: properties['VpcId'], State: 'available' })),
      }),
    },
    DescribeVpcEndpoints: {
      type: 'VPCEndpoint', ids: 'VpcEndpointIds', elements: 'VpcEndpoints', notFound: 'InvalidVpcEndpointId.NotFound',
      filters: { ...inVpc, 'vpc-endpoint-id': ({ id }) => [id], 'service-name': ({ properties }) => [properties['ServiceName']] },
      show: ({ id, properties }) => ({
        VpcEndpointId: id, VpcId: properties['VpcId'], ServiceName: properties['ServiceName'], State: 'available', OwnerId: world.accountId,
        VpcEndpointType: properties['VpcEndpointType'] ?? 'Gateway', RouteTableIds: properties['RouteTableIds'] ?? [],
      }),
    },
    DescribeFlowLogs: {
      type: 'FlowLog', ids: 'FlowLogIds', elements: 'FlowLogs', notFound: 'InvalidFlowLogId.NotFound',
      filters: { 'resource-id': ({ properties }) => [properties['ResourceId']] },
      show: ({ id, properties }) => ({
        FlowLogId: id, FlowLogStatus: 'ACTIVE', ResourceId: properties['ResourceId'], TrafficType: properties['TrafficType'],
        LogDestinationType: properties['LogDestinationType'], LogGroupName: properties['LogGroupName'],
      }),
    },
    DescribeAddresses: {
      type: 'EIP', ids: 'PublicIps', elements: 'Addresses', notFound: 'InvalidAddress.NotFound',
      filters: { 'public-ip': ({ id }) => [id], 'allocation-id': ({ drawn }) => [drawn['AllocationId']] },
      show: ({ id, drawn }) => ({ PublicIp: id, AllocationId: drawn['AllocationId'], Domain: 'vpc' }),
    },
  };

  function describe({ type, ids, elements, notFound, show, filters }: Listing): OperationHandler {
    return (input: DescribeInput & Record<string, unknown>, { region }) => {
      const here = resources.filter((kept) => kept.region === region && kept.type === `AWS::EC2::${type}`);
      const wanted = input[ids] as readonly string[] | undefined;
      const missing = wanted?.find((id) => !here.some((kept) => kept.id === id));
      if (missing !== undefined) throw new AwsError(notFound, `The ${type} ID '${missing}' does not exist`);
      const chosen = here.filter((kept) => (wanted?.includes(kept.id) ?? true) && (input.Filters ?? []).every((filter) => passes(kept, filter, filters)));
      const { elements: page, next } = pageOf(chosen, {
        token: input.NextToken, size: input.MaxResults, sizeMax: describePageMax, keyOf: ({ id }) => id, invalidToken: 'InvalidNextToken',
      });
      return { [elements]: page.map((kept) => ({ ...show(kept), Tags: tagsOf(kept) })), NextToken: next };
    };
  }

  return {
    service: 'ec2',
    operations: {
      ...Object.fromEntries(Object.entries(listings).map(([operation, listing]) => [operation, describe(listing)])),
      DescribeRegions: () => ({
        Regions: world.regions.map((name) => ({ RegionName: name, Endpoint: `ec2.${name}.amazonaws.com`, OptInStatus: 'opt-in-not-required' })),
      }),
      DescribeAvailabilityZones: (_input, { region }) => ({
        AvailabilityZones: ['a', 'b', 'c'].map((letter) => ({ ZoneName: `${region}${letter}`, RegionName: region, State: 'available', ZoneType: 'availability-zone' })),
      }),
    },
    resources: {
      'AWS::EC2::EIP': (request) => {
        const AllocationId = `eipalloc-${world.uniqueId(17)}`;
        // All of 127/8 is this machine: so requests really come from it (processes/egress.ts).
        const [high, low] = [Number.parseInt(world.uniqueId(2), 16), Number.parseInt(world.uniqueId(2), 16)];
        const PublicIp = `127.113.${high}.${1 + (low % 254)}`;
        keep(request, PublicIp, { AllocationId });
        return { ref: PublicIp, attributes: { AllocationId, PublicIp, Name: request.generatedName } };
      },
      'AWS::EC2::FlowLog': withId('fl', (id) => ({ Id: id })),
      'AWS::EC2::InternetGateway': withId('igw', (id) => ({ InternetGatewayId: id })),
      'AWS::EC2::NatGateway': withId('nat', (id) => ({ NatGatewayId: id })),
      'AWS::EC2::Route': unnamed,
      'AWS::EC2::RouteTable': withId('rtb', (id) => ({ RouteTableId: id })),
      'AWS::EC2::SecurityGroup': (request) => {
        const id = `sg-${world.uniqueId(17)}`;
        keep(request, id, { name: request.generatedName });
        return { ref: id, attributes: { GroupId: id, Id: id, VpcId: request.properties['VpcId'] } };
      },
      'AWS::EC2::SecurityGroupEgress': withId('sgr', (id) => ({ Id: id })),
      'AWS::EC2::SecurityGroupIngress': withId('sgr', (id) => ({ Id: id })),
      'AWS::EC2::Subnet': withId('subnet', (id, { properties }) => ({
        SubnetId: id, AvailabilityZone: properties['AvailabilityZone'], VpcId: properties['VpcId'], CidrBlock: properties['CidrBlock'],
      })),
      'AWS::EC2::SubnetRouteTableAssociation': withId('rtbassoc', (id) => ({ Id: id })),
      'AWS::EC2::VPC': withId(
        'vpc',
        (id, { properties }, drawn) => ({ VpcId: id, CidrBlock: properties['CidrBlock'], ...drawn }),
        () => ({ DefaultSecurityGroup: `sg-${world.uniqueId(17)}`, DefaultNetworkAcl: `acl-${world.uniqueId(17)}` }),
      ),
      'AWS::EC2::VPCEndpoint': withId('vpce', (id) => ({ Id: id })),
      'AWS::EC2::VPCGatewayAttachment': unnamed,
    },
  };
}

function passes(
  kept: Kept,
  { Name: name = '', Values: values = [] }: { readonly Name?: string; readonly Values?: readonly string[] },
  filters: Listing['filters'],
): boolean {
  if (name.startsWith('tag:')) return tagsOf(kept).some(({ Key, Value }) => `tag:${Key}` === name && values.includes(Value));
  const valuesOf = filters[name];
  if (valuesOf === undefined) {
    throw new AwsError('NotImplemented', `the filter '${name}' is not modelled; 'tag:…' and ${Object.keys(filters).join(', ')} are`, { fault: 'server' });
  }
  return valuesOf(kept).some((value) => values.includes(String(value)));
}

function tagsOf({ properties }: Kept): readonly Tag[] {
  return ((properties['Tags'] ?? []) as readonly Tag[]).map(({ Key, Value }) => ({ Key, Value }));
}

const isTrue = (value: unknown): boolean => String(value) === 'true';
