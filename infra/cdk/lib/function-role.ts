/**
 * The function's role: the statements of `permissions.json`, and the managed policies of AWS that a
 * deployment needs.
 */
import { ArnFormat, Aws, Stack, Validations } from 'aws-cdk-lib';
import { ManagedPolicy, Policy, Role, ServicePrincipal, type IRole } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct, IDependable } from 'constructs';
import { policyOf } from './policies';
import { logsIn, NO_ROSTER, type IamKeySyncProps } from './props';
import { environmentDefault, managedPolicies, permissions, type Placeholders } from './shared';
import { acknowledgeWildcards } from './wildcards';

/** The resources that the role grants access to. */
export interface RoleResources {
  readonly bucket: IBucket;
  readonly queue: IQueue;
  readonly failures: IQueue;
  readonly logGroup: ILogGroup;
  readonly key?: IKey;
}

/** A role, and the resources that hold its permissions for network interfaces. */
export interface FunctionRole {
  readonly role: IRole;
  readonly permissions: readonly IDependable[];
}

/** Creates the role with exactly the permissions of this deployment, or returns the given one. */
export function functionRole(
  scope: Construct,
  props: IamKeySyncProps,
  resources: RoleResources,
): FunctionRole {
  if (props.functionRoleArn !== undefined) {
    const role = Role.fromRoleArn(scope, 'Role', props.functionRoleArn, { mutable: false });
    return { role, permissions: [] };
  }
  const values = placeholders(scope, props, resources);
  const granted = permissions(values);
  const managed = managedPolicies(values);
  const boundary = props.permissionsBoundaryArn;
  // The policy is inline, because Lambda rejects an event source mapping until the function's role
  // is allowed to read the queue.
  const role = new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    description: 'Role of the function that copies rotated IAM access keys to Vault',
    inlinePolicies: { IamKeySync: policyOf(granted) },
    managedPolicies: managed.map(({ name, arn }) =>
      ManagedPolicy.fromManagedPolicyArn(scope, name, arn),
    ),
    permissionsBoundary: boundary
      ? ManagedPolicy.fromManagedPolicyArn(scope, 'Boundary', boundary)
      : undefined,
    path: props.rolePath,
  });
  acknowledgeWildcards(
    role,
    granted.filter(({ effect }) => effect !== 'Deny'),
  );
  for (const { arn, why } of managed) {
    Validations.of(role).acknowledge({
      id: `AwsSolutions-IAM4[Policy::${arn.replace(Aws.PARTITION, '<AWS::Partition>')}]`,
      reason: why,
    });
  }
  // Immutable, because the CDK would add its own statements for destinations, tracing and log
  // groups.
  const immutable = role.withoutPolicyUpdates();
  if (props.vpcId === undefined) return { role: immutable, permissions: [] };
  return { role: immutable, permissions: [role, networkPolicy(scope, role, values)] };
}

/**
 * Creates a policy of its own for network interfaces. It is deleted after everything else, while
 * statements of the role would be removed before the function leaves its VPC.
 */
function networkPolicy(scope: Construct, role: Role, values: Placeholders): Policy {
  const granted = permissions(values, 'network-permissions.json');
  const policy = new Policy(scope, 'NetworkPolicy', {
    document: policyOf(granted),
    roles: [role],
  });
  acknowledgeWildcards(
    policy,
    granted.filter(({ effect }) => effect !== 'Deny'),
  );
  return policy;
}

function placeholders(
  scope: Construct,
  props: IamKeySyncProps,
  { bucket, queue, failures, logGroup, key }: RoleResources,
): Placeholders {
  const prefix = props.parameterPrefix ?? environmentDefault('SSM_PARAMETER_PREFIX');
  const userTable = props.userTable ?? environmentDefault('IAM_USER_TABLE');
  return {
    Partition: Aws.PARTITION,
    Region: Aws.REGION,
    Account: Aws.ACCOUNT_ID,
    ParameterPrefix: prefix,
    ParameterPath: prefix.replace(/\/$/, ''),
    ParameterSuffix: props.parameterSuffix ?? environmentDefault('SSM_PARAMETER_SUFFIX'),
    ParameterKeyArn: props.parameterKmsKeyArn,
    BucketArn: bucket.bucketArn,
    StatePrefix: environmentDefault('SYNC_STATE_S3_PREFIX'),
    TokenKey: logsIn(props) ? undefined : environmentDefault('VAULT_TOKEN_S3_KEY'),
    LegacyStateKey: environmentDefault('SYNC_STATE_S3_KEY'),
    TargetsKey: environmentDefault('TARGETS_S3_KEY'),
    TableName: userTable === NO_ROSTER ? undefined : userTable,
    LogGroupArn: logGroupArn(scope, logGroup),
    QueueArn: queue.queueArn,
    FailedInvocationQueueArn: failures.queueArn,
    KmsKeyArn: key?.keyArn,
    EarlierKeyArns: props.earlierKmsKeyArns?.length ? props.earlierKmsKeyArns : undefined,
    VpcId: props.vpcId,
    Tracing: props.tracing ? 'on' : undefined,
  };
}

/** Returns the ARN without the trailing `:*` of CloudFormation's attribute. */
export function logGroupArn(scope: Construct, logGroup: ILogGroup): string {
  return Stack.of(scope).formatArn({
    service: 'logs',
    resource: 'log-group',
    resourceName: logGroup.logGroupName,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}
