/**
 * The stack that `cdk deploy` deploys: the construct and the names that operators need.
 */
import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { IamKeySync } from './iam-key-sync';
import type { IamKeySyncProps } from './props';

export class IamKeySyncStack extends Stack {
  constructor(scope: Construct, id: string, props: IamKeySyncProps) {
    super(scope, id, { description: 'Copies rotated IAM access keys from SSM Parameter Store to HashiCorp Vault' });
    const sync = new IamKeySync(this, 'Service', props);

    new CfnOutput(this, 'FunctionName', { value: sync.function.functionName });
    new CfnOutput(this, 'BucketName', { value: sync.bucket.bucketName });
    new CfnOutput(this, 'QueueUrl', { value: sync.queue.queueUrl });
    new CfnOutput(this, 'DeadLetterQueueUrl', { value: sync.deadLetterQueue.queueUrl });
    new CfnOutput(this, 'RuleName', { value: sync.rule.ruleName });
    new CfnOutput(this, 'SweepScheduleName', { value: sync.sweepSchedule.ref });
    new CfnOutput(this, 'LogGroupName', { value: sync.logGroup.logGroupName });
  }
}
