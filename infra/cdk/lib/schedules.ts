/**
 * What wakes the function by the clock: the nightly sweep and the renewal of the Vault token.
 */
import { Stack, Validations } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { deadLetterQueue } from './queues';
import { settings } from './shared';

export class Schedules extends Construct {
  readonly sweep: CfnSchedule;
  private readonly deadLetters: Queue;
  private readonly role: Role;

  constructor(scope: Construct, id: string, private readonly target: IFunction) {
    super(scope, id);
    this.deadLetters = deadLetterQueue(this, 'DeadLetters');
    Validations.of(this.deadLetters).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'It is itself the dead-letter queue of the schedules.',
    });
    this.role = this.schedulerRole();

    const { sweepExpression, sweepPayload, tokenRefreshExpression, tokenRefreshPayload } = settings.schedules;
    this.sweep = this.schedule('Sweep', 'Sync every user', sweepExpression.value, sweepPayload.value);
    this.schedule('TokenRefresh', 'Renew the Vault token', tokenRefreshExpression.value, tokenRefreshPayload.value);
  }

  private schedule(id: string, description: string, expression: string, payload: Record<string, unknown>): CfnSchedule {
    const { maximumEventAgeHours, retryAttempts } = settings.delivery;
    return new CfnSchedule(this, id, {
      description,
      scheduleExpression: expression,
      scheduleExpressionTimezone: settings.schedules.timeZone.value,
      flexibleTimeWindow: { mode: 'FLEXIBLE', maximumWindowInMinutes: settings.schedules.flexibleWindowMinutes.value },
      target: {
        arn: this.target.functionArn,
        roleArn: this.role.roleArn,
        input: JSON.stringify(payload),
        deadLetterConfig: { arn: this.deadLetters.queueArn },
        retryPolicy: {
          maximumEventAgeInSeconds: maximumEventAgeHours.value * 3600,
          maximumRetryAttempts: retryAttempts.value,
        },
      },
    });
  }

  private schedulerRole(): Role {
    const stack = Stack.of(this);
    return new Role(this, 'Role', {
      description: 'Role of the schedules that invoke the IAM key sync function',
      // Scheduler names the group, never the single schedule, when it assumes the role.
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: {
          StringEquals: {
            'aws:SourceAccount': stack.account,
            'aws:SourceArn': stack.formatArn({ service: 'scheduler', resource: 'schedule-group', resourceName: 'default' }),
          },
        },
      }),
      inlinePolicies: {
        Invoke: new PolicyDocument({
          minimize: false,
          statements: [
            new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [this.target.functionArn] }),
            new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [this.deadLetters.queueArn] }),
          ],
        }),
      },
    });
  }
}
