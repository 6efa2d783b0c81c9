/**
 * The schedules that invoke the function: the nightly reconcile run and the renewal of the Vault
 * token, which a login does not need.
 */
import { Stack, Validations } from 'aws-cdk-lib';
import { ManagedPolicy, Role, ServicePrincipal, type IRole } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { inputDefault } from './inputs';
import { policyOf } from './policies';
import { logsIn, type IamKeySyncProps } from './props';
import { deadLetterQueue } from './queues';
import { permissions, settings } from './shared';

export class Schedules extends Construct {
  readonly reconcile: CfnSchedule;
  readonly deadLetters: Queue;
  private readonly role: IRole;

  constructor(
    scope: Construct,
    id: string,
    private readonly target: IFunction,
    private readonly props: IamKeySyncProps,
    key: IKey | undefined,
  ) {
    super(scope, id);
    this.deadLetters = deadLetterQueue(this, 'DeadLetters', key);
    Validations.of(this.deadLetters).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'It is itself the dead-letter queue of the schedules.',
    });
    this.role =
      props.schedulerRoleArn === undefined
        ? this.schedulerRole(key)
        : Role.fromRoleArn(this, 'Role', props.schedulerRoleArn, { mutable: false });

    const { sweepPayload, tokenRefreshPayload } = settings.schedules;
    const { sweepSchedule, tokenRefreshSchedule } = props;
    this.reconcile = this.schedule(
      'Sweep',
      'Sync every user',
      sweepSchedule ?? inputDefault('sweepSchedule'),
      sweepPayload.value,
    );
    if (logsIn(props)) return;
    const refresh = tokenRefreshSchedule ?? inputDefault<string>('tokenRefreshSchedule');
    this.schedule('TokenRefresh', 'Renew the Vault token', refresh, tokenRefreshPayload.value);
  }

  private schedule(
    id: string,
    description: string,
    expression: string,
    payload: Record<string, unknown>,
  ): CfnSchedule {
    const { maximumEventAgeHours, retryAttempts } = settings.delivery;
    return new CfnSchedule(this, id, {
      description,
      state: this.props.enabled === false ? 'DISABLED' : 'ENABLED',
      scheduleExpression: expression,
      scheduleExpressionTimezone: this.props.scheduleTimeZone ?? inputDefault('scheduleTimeZone'),
      flexibleTimeWindow: {
        mode: 'FLEXIBLE',
        maximumWindowInMinutes: settings.schedules.flexibleWindowMinutes.value,
      },
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

  private schedulerRole(key: IKey | undefined): Role {
    const stack = Stack.of(this);
    const boundary = this.props.permissionsBoundaryArn;
    const values = {
      Region: stack.region,
      FunctionArn: this.target.functionArn,
      ScheduleDeadLetterQueueArn: this.deadLetters.queueArn,
      KmsKeyArn: key?.keyArn,
    };
    return new Role(this, 'Role', {
      description: 'Role of the schedules that invoke the IAM key sync function',
      path: this.props.rolePath,
      // EventBridge Scheduler passes the ARN of the schedule group, not of the schedule, when it
      // assumes the role.
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: {
          StringEquals: {
            'aws:SourceAccount': stack.account,
            'aws:SourceArn': stack.formatArn({
              service: 'scheduler',
              resource: 'schedule-group',
              resourceName: 'default',
            }),
          },
        },
      }),
      inlinePolicies: { Invoke: policyOf(permissions(values, 'schedule-permissions.json')) },
      permissionsBoundary: boundary
        ? ManagedPolicy.fromManagedPolicyArn(this, 'Boundary', boundary)
        : undefined,
    });
  }
}
