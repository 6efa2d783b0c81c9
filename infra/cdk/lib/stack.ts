/**
 * The stack that `cdk deploy` deploys: the construct, and outputs for operators.
 */
import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { IamKeySync } from './iam-key-sync';
import type { IamKeySyncProps } from './props';

export class IamKeySyncStack extends Stack {
  constructor(scope: Construct, id: string, props: IamKeySyncProps) {
    super(scope, id, {
      description: 'Copies rotated IAM access keys from SSM Parameter Store to HashiCorp Vault',
    });
    const sync = new IamKeySync(this, 'Service', props);

    const outputs: Record<string, string | undefined> = {
      FunctionName: sync.function.functionName,
      BucketName: sync.bucket.bucketName,
      QueueUrl: sync.queue.queueUrl,
      DeadLetterQueueUrl: sync.deadLetterQueue.queueUrl,
      FailedInvocationQueueUrl: sync.failedInvocationQueue.queueUrl,
      ScheduleDeadLetterQueueUrl: sync.scheduleDeadLetterQueue.queueUrl,
      RuleName: sync.rule.ruleName,
      SweepScheduleName: sync.sweepSchedule.ref,
      LogGroupName: sync.logGroup.logGroupName,
      DashboardName: sync.dashboardName,
      AlarmTopicArn: sync.alarmTopicArn,
      KmsKeyArn: sync.key?.keyArn,
      SecurityGroupId: sync.securityGroupId,
    };
    for (const [name, value] of Object.entries(outputs)) {
      if (value !== undefined) new CfnOutput(this, name, { value });
    }
    const kept = [
      ...(props.removalPolicy === 'destroy' ? [] : ['bucket', 'log group']),
      ...(createsKey(props) ? ['KMS key'] : []),
    ];
    new CfnOutput(this, 'KeptWhenDestroyed', { value: kept.join(', ') || 'nothing' });
  }
}

function createsKey({ kmsKeyArn, createKmsKey }: IamKeySyncProps): boolean {
  return kmsKeyArn === undefined && createKmsKey !== false;
}
