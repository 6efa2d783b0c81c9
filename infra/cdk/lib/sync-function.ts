/**
 * The function, with the role that `permissions.json` describes and its own log group.
 */
import { Duration, Validations, type RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  Architecture,
  CfnFunction,
  Code,
  CodeSigningConfig,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Bucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { variables } from './environment';
import { functionRole } from './function-role';
import { inputDefault } from './inputs';
import type { Network } from './network';
import type { IamKeySyncProps } from './props';
import { deadLetterQueue } from './queues';
import { settings } from './shared';

/** The resources of the deployment that the function uses. */
export interface FunctionResources {
  readonly bucket: IBucket;
  readonly queue: IQueue;
  readonly functionTimeout: Duration;
  readonly removalPolicy: RemovalPolicy;
  readonly key?: IKey;
  readonly network?: Network;
}

export class SyncFunction extends Construct {
  readonly function: LambdaFunction;
  readonly logGroup: LogGroup;
  /** The destination of failed asynchronous invocations. */
  readonly failures: IQueue;

  constructor(scope: Construct, id: string, props: IamKeySyncProps, resources: FunctionResources) {
    super(scope, id);
    const failures = deadLetterQueue(this, 'FailedInvocations', resources.key);
    Validations.of(failures).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'It is itself the destination of failed asynchronous invocations.',
    });
    this.failures = failures;
    this.logGroup = new LogGroup(this, 'Logs', {
      retention: props.logRetentionDays ?? inputDefault<number>('logRetentionDays'),
      encryptionKey: props.encryptLogs ? resources.key : undefined,
      removalPolicy: resources.removalPolicy,
    });
    const role = functionRole(this, props, { ...resources, failures, logGroup: this.logGroup });

    this.function = new LambdaFunction(this, 'Function', {
      description: 'Copies rotated IAM access keys from SSM Parameter Store to Vault',
      runtime: Runtime.PROVIDED_AL2023,
      architecture: props.architecture === 'x86_64' ? Architecture.X86_64 : Architecture.ARM_64,
      handler: 'bootstrap',
      code: this.code(props),
      codeSigningConfig: this.codeSigningConfig(props.codeSigningConfigArn),
      timeout: resources.functionTimeout,
      memorySize: props.memoryMib ?? inputDefault<number>('memoryMib'),
      reservedConcurrentExecutions: props.reservedConcurrency,
      tracing: props.tracing ? Tracing.ACTIVE : undefined,
      // Immutable, because the CDK would add its own statements for destinations, tracing and log
      // groups.
      role: role.withoutPolicyUpdates(),
      logGroup: this.logGroup,
      loggingFormat: settings.function.logFormat.value as LoggingFormat,
      onFailure: new SqsDestination(failures),
      retryAttempts: settings.asynchronous.retryAttempts.value,
      maxEventAge: Duration.hours(settings.asynchronous.maximumEventAgeHours.value),
      environment: variables(props, resources.bucket.bucketName),
    });
    // Set on the CloudFormation resource, because the CDK would look up the VPC or need its
    // availability zones.
    (this.function.node.defaultChild as CfnFunction).vpcConfig = resources.network?.config;
  }

  private code({ zip, packageBucket, packageKey, packageVersion }: IamKeySyncProps): Code {
    if (zip !== undefined) return Code.fromAsset(zip);
    return Code.fromBucketV2(Bucket.fromBucketName(this, 'Package', packageBucket!), packageKey!, {
      objectVersion: packageVersion,
    });
  }

  private codeSigningConfig(arn: string | undefined) {
    return arn === undefined
      ? undefined
      : CodeSigningConfig.fromCodeSigningConfigArn(this, 'CodeSigning', arn);
  }
}
