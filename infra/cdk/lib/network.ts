/**
 * The function's place in a VPC: a security group that lets nothing in and only Vault and AWS endpoints out, and endpoints
 * where they are asked for. Must not look anything up: an account's VPC is known by its ids alone.
 */
import { Aws, Token } from 'aws-cdk-lib';
import { CfnSecurityGroup, CfnSecurityGroupIngress, CfnVPCEndpoint } from 'aws-cdk-lib/aws-ec2';
import type { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { IamKeySyncProps } from './props';

const HTTPS = 443;

export class Network extends Construct {
  /** What the function takes as its place. */
  readonly config: CfnFunction.VpcConfigProperty;
  readonly securityGroupId: string;
  private readonly vpcId: string;

  constructor(scope: Construct, id: string, props: IamKeySyncProps) {
    super(scope, id);
    this.vpcId = props.vpcId!;
    const services = props.vpcEndpoints ?? [];
    const endpoints = services.includes('ssm') ? this.endpointGroup() : undefined;
    const group = new CfnSecurityGroup(this, 'Function', {
      groupDescription: 'IAM key sync: out to Vault and AWS endpoints, nothing in',
      vpcId: this.vpcId,
      securityGroupEgress: this.egress(props, endpoints),
    });
    this.securityGroupId = group.attrGroupId;
    this.config = { subnetIds: [...props.subnetIds!], securityGroupIds: [this.securityGroupId] };

    if (endpoints !== undefined) this.interfaceEndpoint(props, endpoints);
    for (const service of services.filter((service) => service !== 'ssm')) {
      new CfnVPCEndpoint(this, service === 's3' ? 'S3' : 'DynamoDb', {
        vpcId: this.vpcId,
        serviceName: `com.amazonaws.${Aws.REGION}.${service}`,
        vpcEndpointType: 'Gateway',
        routeTableIds: [...props.routeTableIds!],
      });
    }
  }

  private egress(props: IamKeySyncProps, endpoints: CfnSecurityGroup | undefined): CfnSecurityGroup.EgressProperty[] {
    const groups = [...(props.endpointSecurityGroupIds ?? []), ...(endpoints ? [endpoints.attrGroupId] : [])];
    return [
      ...props.vaultCidrs!.map((cidrIp) => ({ cidrIp, ...tcp(vaultPort(props.vaultAddr)), description: 'Vault' })),
      ...(props.endpointPrefixListIds ?? []).map((destinationPrefixListId) => ({
        destinationPrefixListId, ...tcp(HTTPS), description: 'Gateway endpoint',
      })),
      ...groups.map((destinationSecurityGroupId) => ({ destinationSecurityGroupId, ...tcp(HTTPS), description: 'Interface endpoint' })),
      ...(props.endpointCidrs ?? []).map((cidrIp) => ({ cidrIp, ...tcp(HTTPS), description: 'Interface endpoint' })),
    ];
  }

  private endpointGroup(): CfnSecurityGroup {
    return new CfnSecurityGroup(this, 'Endpoints', {
      groupDescription: 'IAM key sync: interface endpoints, for the function alone',
      vpcId: this.vpcId,
      // Without a rule EC2 would let everything out.
      securityGroupEgress: [{ cidrIp: '127.0.0.1/32', ...tcp(HTTPS), description: 'Endpoints call nobody' }],
    });
  }

  private interfaceEndpoint(props: IamKeySyncProps, endpoints: CfnSecurityGroup): void {
    new CfnSecurityGroupIngress(this, 'FromFunction', {
      groupId: endpoints.attrGroupId,
      sourceSecurityGroupId: this.securityGroupId,
      ...tcp(HTTPS),
      description: 'The function',
    });
    new CfnVPCEndpoint(this, 'Ssm', {
      vpcId: this.vpcId,
      serviceName: `com.amazonaws.${Aws.REGION}.ssm`,
      vpcEndpointType: 'Interface',
      subnetIds: [...props.subnetIds!],
      securityGroupIds: [endpoints.attrGroupId],
      privateDnsEnabled: true,
    });
  }
}

/** The port of Vault's address; 443 when it names none. */
export function vaultPort(address: string): number {
  if (Token.isUnresolved(address)) throw new Error('vaultAddr: expected its text, because the security group lets its port out');
  const url = new URL(address);
  return Number(url.port) || (url.protocol === 'http:' ? 80 : HTTPS);
}

function tcp(port: number): { ipProtocol: string; fromPort: number; toPort: number } {
  return { ipProtocol: 'tcp', fromPort: port, toPort: port };
}
