/**
 * Resources that must exist for the templates to resolve but that nothing in a rehearsal runs on: what `Ref`
 * and `Fn::GetAtt` give of each, and nothing more. A type that is in no model and not here is an error.
 */
import type { CreatedResource, ResourceHandler, ResourceRequest, World } from './model.ts';

export function inertResources(world: World): Readonly<Record<string, ResourceHandler>> {
  /** `Ref` is an id with the prefix that AWS gives the type, the attributes are made of it. */
  const withId =
    (prefix: string, attributes: (id: string, request: ResourceRequest) => Record<string, unknown> = () => ({})): ResourceHandler =>
    (request): CreatedResource => {
      const id = `${prefix}-${world.uniqueId(17)}`;
      return { ref: id, attributes: attributes(id, request) };
    };
  const named: ResourceHandler = ({ generatedName }) => ({ ref: generatedName, attributes: {} });

  return {
    'AWS::CDK::Metadata': named,
    'AWS::EC2::EIP': (request) => {
      const allocation = `eipalloc-${world.uniqueId(17)}`;
      // 203.0.113.0/24 is for documentation: nobody is there.
      const address = `203.0.113.${(Number.parseInt(world.uniqueId(4), 16) % 254) + 1}`;
      return { ref: address, attributes: { AllocationId: allocation, PublicIp: address, Name: request.generatedName } };
    },
    'AWS::EC2::FlowLog': withId('fl', (id) => ({ Id: id })),
    'AWS::EC2::InternetGateway': withId('igw', (id) => ({ InternetGatewayId: id })),
    'AWS::EC2::NatGateway': withId('nat', (id) => ({ NatGatewayId: id })),
    'AWS::EC2::Route': named,
    'AWS::EC2::RouteTable': withId('rtb', (id) => ({ RouteTableId: id })),
    'AWS::EC2::SecurityGroup': withId('sg', (id, { properties }) => ({ GroupId: id, Id: id, VpcId: properties['VpcId'] })),
    'AWS::EC2::SecurityGroupEgress': withId('sgr', (id) => ({ Id: id })),
    'AWS::EC2::SecurityGroupIngress': withId('sgr', (id) => ({ Id: id })),
    'AWS::EC2::Subnet': withId('subnet', (id, { properties }) => ({
      SubnetId: id,
      AvailabilityZone: properties['AvailabilityZone'],
      VpcId: properties['VpcId'],
      CidrBlock: properties['CidrBlock'],
    })),
    'AWS::EC2::SubnetRouteTableAssociation': withId('rtbassoc', (id) => ({ Id: id })),
    'AWS::EC2::VPC': withId('vpc', (id, { properties }) => ({
      VpcId: id,
      CidrBlock: properties['CidrBlock'],
      DefaultSecurityGroup: `sg-${world.uniqueId(17)}`,
      DefaultNetworkAcl: `acl-${world.uniqueId(17)}`,
    })),
    'AWS::EC2::VPCEndpoint': withId('vpce', (id) => ({ Id: id })),
    'AWS::EC2::VPCGatewayAttachment': named,
    'AWS::KMS::Alias': ({ properties }) => ({ ref: String(properties['AliasName']), attributes: {} }),
    'AWS::KMS::Key': ({ region }) => {
      const hex = world.uniqueId(32);
      const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
      return { ref: id, attributes: { Arn: `arn:aws:kms:${region}:${world.accountId}:key/${id}`, KeyId: id } };
    },
    'AWS::S3::BucketPolicy': ({ properties }) => ({ ref: String(properties['Bucket']), attributes: {} }),
    'AWS::SNS::TopicPolicy': named,
  };
}
