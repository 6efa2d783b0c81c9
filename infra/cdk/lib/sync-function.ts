/**
 * The function, with exactly the role that `permissions.json` describes and a log group of its own.
 */
import { Aws, ArnFormat, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { refusal, variables } from './environment';
import { NO_ROSTER, type IamKeySyncProps } from './props';
import { deadLetterQueue } from './queues';
import { environmentDefault, permissions, settings, type Placeholders } from './shared';
import { acknowledgeWildcards } from './wildcards';

export interface SyncFunctionProps extends IamKeySyncProps {
  readonly bucket: IBucket;
  readonly queue: IQueue;
  readonly functionTimeout: Duration;
  readonly removalPolicy: RemovalPolicy;
  readonly parameterPrefix: string;
  readonly parameterSuffix: string;
}

export class SyncFunction extends Construct {
  readonly function: LambdaFunction;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: SyncFunctionProps) {
    super(scope, id);
    const refused = refusal(props);
    if (refused !== undefined) throw new Error(refused);
    const userTable = props.userTable ?? environmentDefault('IAM_USER_TABLE');
    const failures = deadLetterQueue(this, 'FailedInvocations');
    Validations.of(failures).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'It is itself where failed asynchronous invocations end.',
    });
    this.logGroup = new LogGroup(this, 'Logs', {
      retention: settings.function.logRetentionDays.value,
      removalPolicy: props.removalPolicy,
    });

    const role = this.role({
      Partition: Aws.PARTITION,
      Region: Aws.REGION,
      Account: Aws.ACCOUNT_ID,
      ParameterPrefix: props.parameterPrefix,
      ParameterPath: props.parameterPrefix.replace(/\/$/, ''),
      ParameterSuffix: props.parameterSuffix,
      BucketArn: props.bucket.bucketArn,
      StatePrefix: environmentDefault('SYNC_STATE_S3_PREFIX'),
      TokenKey: environmentDefault('VAULT_TOKEN_S3_KEY'),
      LegacyStateKey: environmentDefault('SYNC_STATE_S3_KEY'),
      TableName: userTable === NO_ROSTER ? undefined : userTable,
      LogGroupArn: this.logGroupArn(),
      QueueArn: props.queue.queueArn,
      FailedInvocationQueueArn: failures.queueArn,
    });

    this.function = new LambdaFunction(this, 'Function', {
      description: 'Copies rotated IAM access keys from SSM Parameter Store to Vault',
      runtime: Runtime.PROVIDED_AL2023,
      architecture: props.architecture ?? Architecture.ARM_64,
      handler: 'bootstrap',
      code: Code.fromAsset(props.zipPath),
      timeout: props.functionTimeout,
      memorySize: settings.function.memoryMiB.value,
      // Immutable, because the CDK would add statements of its own for destinations and log groups.
      role: role.withoutPolicyUpdates(),
      logGroup: this.logGroup,
      loggingFormat: settings.function.logFormat.value as LoggingFormat,
      onFailure: new SqsDestination(failures),
      retryAttempts: settings.asynchronous.retryAttempts.value,
      maxEventAge: Duration.hours(settings.asynchronous.maximumEventAgeHours.value),
      environment: variables(props, props.bucket.bucketName),
    });
  }

  private role(values: Placeholders): Role {
    const granted = permissions(values);
    const statements = granted.map(
      ({ sid, actions, resources, condition }) =>
        new PolicyStatement({ sid, effect: Effect.ALLOW, actions, resources, conditions: condition }),
    );
    // Inline in the role: an event source mapping is refused while its function's role may not yet read the queue.
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: 'Role of the function that copies rotated IAM access keys to Vault',
      inlinePolicies: { IamKeySync: new PolicyDocument({ statements, minimize: false }) },
    });
    acknowledgeWildcards(role, granted);
    return role;
  }

  /** Without the `:*` that CloudFormation's own attribute ends in. */
  private logGroupArn(): string {
    return Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: this.logGroup.logGroupName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }
}
