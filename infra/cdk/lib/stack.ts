/**
 * The stack that `cdk deploy` deploys: the construct, and outputs for operators.
 */
import { CfnOutput, CliCredentialsStackSynthesizer, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { logGroupArn } from './function-role';
import { IamKeySync } from './iam-key-sync';
import type { AppProps, IamKeySyncProps } from './props';

export class IamKeySyncStack extends Stack {
  constructor(scope: Construct, id: string, { stackName, ...props }: AppProps) {
    super(scope, id, {
      stackName,
      synthesizer: synthesizer(props),
      description: 'Copies rotated IAM access keys from SSM Parameter Store to HashiCorp Vault',
    });
    const sync = new IamKeySync(this, 'Service', props);

    const outputs: Record<string, string | undefined> = {
      FunctionName: sync.function.functionName,
      FunctionArn: sync.function.functionArn,
      FunctionRoleArn: sync.function.role!.roleArn,
      BucketName: sync.bucket.bucketName,
      BucketArn: sync.bucket.bucketArn,
      QueueUrl: sync.queue.queueUrl,
      QueueArn: sync.queue.queueArn,
      DeadLetterQueueUrl: sync.deadLetterQueue.queueUrl,
      DeadLetterQueueArn: sync.deadLetterQueue.queueArn,
      FailedInvocationQueueUrl: sync.failedInvocationQueue.queueUrl,
      FailedInvocationQueueArn: sync.failedInvocationQueue.queueArn,
      ScheduleDeadLetterQueueUrl: sync.scheduleDeadLetterQueue.queueUrl,
      ScheduleDeadLetterQueueArn: sync.scheduleDeadLetterQueue.queueArn,
      RuleName: sync.rule.ruleName,
      RuleArn: sync.rule.ruleArn,
      SweepScheduleName: sync.sweepSchedule.ref,
      LogGroupName: sync.logGroup.logGroupName,
      LogGroupArn: logGroupArn(this, sync.logGroup),
      DashboardName: sync.dashboardName,
      AlarmTopicArn: sync.alarmTopicArn,
      KmsKeyArn: sync.key?.keyArn,
      SecurityGroupId: sync.securityGroupId,
    };
    for (const [name, value] of Object.entries(outputs)) {
      if (value !== undefined) new CfnOutput(this, name, { value });
    }
    const kept = [
      ...(props.removalPolicy === 'destroy' ? [] : ['bucket', ...logGroup(props)]),
      ...(createsKey(props) ? ['KMS key'] : []),
    ];
    new CfnOutput(this, 'KeptWhenDestroyed', { value: kept.join(', ') || 'nothing' });
  }
}

/**
 * Returns how the CDK deploys, if the package is in a bucket already: with the caller's credentials
 * and with the template beside the package, so that the account needs no bootstrap.
 */
function synthesizer({ packageBucket }: IamKeySyncProps) {
  if (packageBucket === undefined) return undefined;
  return new CliCredentialsStackSynthesizer({
    fileAssetsBucketName: packageBucket,
    bucketPrefix: 'iam-key-sync-templates/',
  });
}

function logGroup({ logGroupName }: IamKeySyncProps): string[] {
  return logGroupName === undefined ? ['log group'] : [];
}

function createsKey({ kmsKeyArn, createKmsKey }: IamKeySyncProps): boolean {
  return kmsKeyArn === undefined && createKmsKey !== false;
}
