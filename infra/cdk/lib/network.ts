/**
 * The function's network in a VPC: a security group without ingress whose egress is limited to
 * Vault and AWS endpoints, and endpoints on request. It looks up nothing in the account: the VPC is
 * known only by its ids.
 */
import { Aws, Token } from 'aws-cdk-lib';
import { CfnSecurityGroup, CfnSecurityGroupIngress, CfnVPCEndpoint } from 'aws-cdk-lib/aws-ec2';
import type { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct, type IDependable } from 'constructs';
import type { IamKeySyncProps } from './props';

const HTTPS = 443;

export class Network extends Construct {
  /** The network configuration of the function. */
  readonly config: CfnFunction.VpcConfigProperty;
  readonly securityGroupId: string;
  private readonly vpcId: string;
  private readonly group: CfnSecurityGroup;

  constructor(scope: Construct, id: string, props: IamKeySyncProps) {
    super(scope, id);
    this.vpcId = props.vpcId!;
    const services = props.vpcEndpoints ?? [];
    const endpoints = services.includes('ssm') ? this.endpointGroup() : undefined;
    this.group = new CfnSecurityGroup(this, 'Function', {
      groupDescription: 'IAM key sync: out to Vault and AWS endpoints, nothing in',
      vpcId: this.vpcId,
      securityGroupEgress: this.egress(props, endpoints),
    });
    this.securityGroupId = this.group.attrGroupId;
    this.config = {
      subnetIds: [...props.subnetIds!],
      securityGroupIds: [this.securityGroupId, ...(props.additionalSecurityGroupIds ?? [])],
    };

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

  /**
   * Makes CloudFormation delete the function's group before these resources. Lambda deletes the
   * network interfaces, which hold the group, some 20 minutes after the function, with the
   * function's role.
   */
  deleteBefore(permissions: readonly IDependable[]): void {
    this.group.node.addDependency(...permissions);
  }

  private egress(
    props: IamKeySyncProps,
    endpoints: CfnSecurityGroup | undefined,
  ): CfnSecurityGroup.EgressProperty[] {
    const groups = [
      ...(props.endpointSecurityGroupIds ?? []),
      ...(endpoints ? [endpoints.attrGroupId] : []),
    ];
    const port = vaultPort(props.vaultAddr);
    const vault = new Set(props.vaultCidrs);
    const interfaces = new Set(props.endpointCidrs);
    // EC2 accepts one rule for each port and range, whatever the descriptions.
    const isShared = (cidr: string) => port === HTTPS && vault.has(cidr) && interfaces.has(cidr);
    return [
      ...[...vault].map((cidrIp) => ({
        cidrIp,
        ...tcp(port),
        description: isShared(cidrIp) ? 'Vault, interface endpoint' : 'Vault',
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
      ...[...interfaces]
        .filter((cidrIp) => !isShared(cidrIp))
        .map((cidrIp) => ({ cidrIp, ...tcp(HTTPS), description: 'Interface endpoint' })),
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
