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
import { LogGroup, type ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Bucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { variables } from './environment';
import { functionRole } from './function-role';
import { fileProblems, inputDefault } from './inputs';
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
  readonly logGroup: ILogGroup;
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
    this.logGroup =
      props.logGroupName === undefined
        ? new LogGroup(this, 'Logs', {
            retention: props.logRetentionDays ?? inputDefault<number>('logRetentionDays'),
            encryptionKey: props.encryptLogs ? resources.key : undefined,
            removalPolicy: resources.removalPolicy,
          })
        : LogGroup.fromLogGroupName(this, 'Logs', props.logGroupName);
    const { role, permissions } = functionRole(this, props, {
      ...resources,
      failures,
      logGroup: this.logGroup,
    });

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
      role,
      logGroup: this.logGroup,
      loggingFormat: settings.function.logFormat.value as LoggingFormat,
      // Not SqsDestination, which would extend the queue's policy for a given role.
      onFailure: { bind: () => ({ destination: failures.queueArn }) },
      retryAttempts: settings.asynchronous.retryAttempts.value,
      maxEventAge: Duration.hours(settings.asynchronous.maximumEventAgeHours.value),
      environment: variables(props, resources.bucket.bucketName),
    });
    // Set on the CloudFormation resource, because the CDK would look up the VPC or need its
    // availability zones.
    (this.function.node.defaultChild as CfnFunction).vpcConfig = resources.network?.config;
    resources.network?.deleteBefore(permissions);
  }

  private code({ zip, packageBucket, packageKey, packageVersion }: IamKeySyncProps): Code {
    if (zip !== undefined) {
      // A destroy does not need the file. Its error prevents a deployment without it.
      const isReadable = fileProblems({ zip }).length === 0;
      return isReadable ? Code.fromAsset(zip) : Code.fromCfnParameters();
    }
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
