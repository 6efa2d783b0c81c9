import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vaultPort } from '../lib/network';
import { IN_VPC, Synthesised } from './fixture';

const inside = new Synthesised(IN_VPC);

function egress(of: Synthesised): Record<string, any>[] {
  return of.one('AWS::EC2::SecurityGroup', 'NetworkFunction').Properties.SecurityGroupEgress;
}

test('network: is absent without a VPC', () => {
  const types = Object.values(
    new Synthesised().template.toJSON().Resources as Record<string, { Type: string }>,
  );
  assert.deepEqual(
    types.filter(({ Type }) => Type.startsWith('AWS::EC2::')),
    [],
  );
});

test('function: runs in the given subnets with its own group', () => {
  const group = inside.one('AWS::EC2::SecurityGroup');
  assert.deepEqual(inside.function.Properties.VpcConfig, {
    SubnetIds: IN_VPC.subnetIds,
    SecurityGroupIds: [{ 'Fn::GetAtt': [group.id, 'GroupId'] }],
  });
  assert.equal(group.Properties.VpcId, IN_VPC.vpcId);
});

test('security group: has no ingress', () => {
  assert.equal(inside.one('AWS::EC2::SecurityGroup').Properties.SecurityGroupIngress, undefined);
  assert.deepEqual(inside.all('AWS::EC2::SecurityGroupIngress'), []);
});

test('security group: egress only to Vault and endpoints', () => {
  const tcp = (port: number) => ({ IpProtocol: 'tcp', FromPort: port, ToPort: port });
  const of = new Synthesised({
    ...IN_VPC,
    vaultCidrs: ['10.1.2.0/24', '10.3.0.5/32'],
    endpointCidrs: ['10.9.0.0/24'],
  });
  assert.deepEqual(egress(of), [
    { CidrIp: '10.1.2.0/24', ...tcp(8200), Description: 'Vault' },
    { CidrIp: '10.3.0.5/32', ...tcp(8200), Description: 'Vault' },
    { DestinationPrefixListId: 'pl-7da54014', ...tcp(443), Description: 'Gateway endpoint' },
    { DestinationPrefixListId: 'pl-4ea54027', ...tcp(443), Description: 'Gateway endpoint' },
    {
      DestinationSecurityGroupId: 'sg-0123456789abcdef0',
      ...tcp(443),
      Description: 'Interface endpoint',
    },
    { CidrIp: '10.9.0.0/24', ...tcp(443), Description: 'Interface endpoint' },
  ]);
});

test('security group: one rule for each port and range', () => {
  const of = new Synthesised({
    ...IN_VPC,
    vaultAddr: 'https://vault.example.org',
    vaultCidrs: ['10.1.0.0/16', '10.2.0.0/16', '10.2.0.0/16'],
    endpointCidrs: ['10.1.0.0/16', '10.3.0.0/24', '10.3.0.0/24'],
  });
  assert.deepEqual(
    egress(of)
      .filter(({ CidrIp }) => CidrIp !== undefined)
      .map(({ CidrIp, ToPort, Description }) => `${ToPort} ${CidrIp} ${Description}`),
    [
      '443 10.1.0.0/16 Vault, interface endpoint',
      '443 10.2.0.0/16 Vault',
      '443 10.3.0.0/24 Interface endpoint',
    ],
  );
});

test('security group: is deleted before the permissions', () => {
  const role = inside.one('AWS::IAM::Role', 'SyncRole').id;
  const policy = inside.one('AWS::IAM::Policy').id;
  const group = inside.one('AWS::EC2::SecurityGroup');
  assert.deepEqual(group.DependsOn?.toSorted(), [policy, role].toSorted());
});

test('function: may have additional security groups', () => {
  const of = new Synthesised({ ...IN_VPC, additionalSecurityGroupIds: ['sg-0123456789abcdef9'] });
  const [own, other] = of.function.Properties.VpcConfig.SecurityGroupIds;
  assert.deepEqual([Object.keys(own), other], [['Fn::GetAtt'], 'sg-0123456789abcdef9']);
});

test('vaultPort: returns the port of the address', () => {
  const ports = [
    'https://v',
    'https://v:443',
    'https://v:8200/',
    'http://127.0.0.1:8200',
    'http://localhost',
  ].map(vaultPort);
  assert.deepEqual(ports, [443, 443, 8200, 8200, 80]);
});

test('network: creates no endpoints by default', () => {
  const types = Object.values(
    inside.template.toJSON().Resources as Record<string, { Type: string }>,
  ).map(({ Type }) => Type);
  assert.deepEqual(
    types.filter((type) => type.startsWith('AWS::EC2::')),
    ['AWS::EC2::SecurityGroup'],
  );
});

test('endpoints: allow ingress only from the function', () => {
  const of = new Synthesised({
    ...IN_VPC,
    endpointSecurityGroupIds: [],
    vpcEndpoints: ['ssm', 's3', 'dynamodb'],
    routeTableIds: ['rtb-0123456789abcdef0'],
  });
  const endpoints = of.all('AWS::EC2::VPCEndpoint').map(({ Properties }) => Properties);
  const kinds = endpoints.map(({ ServiceName, VpcEndpointType }) => [
    ServiceName['Fn::Join'][1].at(-1),
    VpcEndpointType,
  ]);
  assert.deepEqual(kinds.sort(), [
    ['.dynamodb', 'Gateway'],
    ['.s3', 'Gateway'],
    ['.ssm', 'Interface'],
  ]);
  const groups = of.all('AWS::EC2::SecurityGroup');
  const [own, theirs] = ['NetworkFunction', 'NetworkEndpoints'].map((part) => ({
    'Fn::GetAtt': [groups.find(({ id }) => id.includes(part))!.id, 'GroupId'],
  }));
  assert.deepEqual(
    endpoints.find(({ VpcEndpointType }) => VpcEndpointType === 'Interface')!.SecurityGroupIds,
    [theirs],
  );
  const { GroupId, SourceSecurityGroupId, FromPort, ToPort } = of.one(
    'AWS::EC2::SecurityGroupIngress',
  ).Properties;
  assert.deepEqual([GroupId, SourceSecurityGroupId, FromPort, ToPort], [theirs, own, 443, 443]);
  assert.ok(
    egress(of).some(
      ({ DestinationSecurityGroupId }) =>
        JSON.stringify(DestinationSecurityGroupId) === JSON.stringify(theirs),
    ),
  );
});
