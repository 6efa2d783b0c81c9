/**
 * The function's network in a VPC: a security group without ingress whose egress is limited to
 * Vault and AWS endpoints, and endpoints on request. It looks up nothing in the account: the VPC is
 * known only by its ids.
 */
import { Aws, Token } from 'aws-cdk-lib';
import { CfnSecurityGroup, CfnSecurityGroupIngress, CfnVPCEndpoint } from 'aws-cdk-lib/aws-ec2';
import type { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { IamKeySyncProps } from './props';

const HTTPS = 443;

export class Network extends Construct {
  /** The network configuration of the function. */
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

  private egress(
    props: IamKeySyncProps,
    endpoints: CfnSecurityGroup | undefined,
  ): CfnSecurityGroup.EgressProperty[] {
    const groups = [
      ...(props.endpointSecurityGroupIds ?? []),
      ...(endpoints ? [endpoints.attrGroupId] : []),
    ];
    return [
      ...props.vaultCidrs!.map((cidrIp) => ({
        cidrIp,
        ...tcp(vaultPort(props.vaultAddr)),
        description: 'Vault',
      })),
      ...(props.endpointPrefixListIds ?? []).map((destinationPrefixListId) => ({
        destinationPrefixListId,
        ...tcp(HTTPS),
        description: 'Gateway endpoint',
      })),
      ...groups.map((destinationSecurityGroupId) => ({
        destinationSecurityGroupId,
        ...tcp(HTTPS),
        description: 'Interface endpoint',
      })),
      ...(props.endpointCidrs ?? []).map((cidrIp) => ({
        cidrIp,
        ...tcp(HTTPS),
        description: 'Interface endpoint',
      })),
    ];
  }

  private endpointGroup(): CfnSecurityGroup {
    return new CfnSecurityGroup(this, 'Endpoints', {
      groupDescription: 'IAM key sync: interface endpoints, for the function alone',
      vpcId: this.vpcId,
      // Without an egress rule, EC2 would allow all egress.
      securityGroupEgress: [
        { cidrIp: '127.0.0.1/32', ...tcp(HTTPS), description: 'Endpoints need no egress' },
      ],
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

/** Returns the port of Vault's address; 443 for https without a port. */
export function vaultPort(address: string): number {
  if (Token.isUnresolved(address))
    throw new Error(
      'vaultAddr: expected a literal text, because the security group needs its port',
    );
  const url = new URL(address);
  return Number(url.port) || (url.protocol === 'http:' ? 80 : HTTPS);
}

function tcp(port: number): { ipProtocol: string; fromPort: number; toPort: number } {
  return { ipProtocol: 'tcp', fromPort: port, toPort: port };
}
