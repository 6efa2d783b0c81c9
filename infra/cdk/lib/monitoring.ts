/**
 * The alarms and the dashboard of `infra/shared`, and the topic that the alarms notify.
 */
import { Aws, Stack } from 'aws-cdk-lib';
import { CfnAlarm, CfnDashboard } from 'aws-cdk-lib/aws-cloudwatch';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { IamKeySyncProps } from './props';
import { alarms, dashboard, type AlarmDefinition, type Placeholders } from './shared';

export class Monitoring extends Construct {
  /** The topic of alarms with severity `warn`. */
  readonly topicArn: string;
  readonly dashboard: CfnDashboard;

  constructor(
    scope: Construct,
    id: string,
    props: IamKeySyncProps,
    key: IKey | undefined,
    names: Placeholders,
  ) {
    super(scope, id);
    this.topicArn = props.alarmTopicArn ?? this.topic(props.alarmEmails ?? [], key).topicArn;
    const topics = { warn: this.topicArn, page: props.pageTopicArn ?? this.topicArn };
    const values = { ...names, AlarmPrefix: `${Aws.STACK_NAME}-` };
    for (const alarm of alarms(values)) this.alarm(alarm, topics[alarm.severity]);
    this.dashboard = new CfnDashboard(this, 'Dashboard', {
      dashboardBody: Stack.of(this).toJsonString(dashboard(values)),
    });
  }

  private alarm(alarm: AlarmDefinition, topicArn: string): void {
    new CfnAlarm(this, alarm.id, {
      alarmName: `${Aws.STACK_NAME}-${alarm.id}`,
      alarmDescription: alarm.description,
      namespace: alarm.namespace,
      metricName: alarm.metric,
      dimensions: Object.entries(alarm.dimensions).map(([name, value]) => ({ name, value })),
      statistic: alarm.statistic,
      period: alarm.periodSeconds,
      evaluationPeriods: alarm.evaluationPeriods,
      comparisonOperator: alarm.comparison,
      threshold: alarm.threshold,
      treatMissingData: alarm.missing,
      warmUpConfiguration: alarm.warmUp
        ? { warmUpPeriodDurationInMinutes: (alarm.evaluationPeriods * alarm.periodSeconds) / 60 }
        : undefined,
      alarmActions: [topicArn],
      okActions: [topicArn],
    });
  }

  private topic(emails: readonly string[], key: IKey | undefined): Topic {
    const topic = new Topic(this, 'Alarms', {
      displayName: 'IAM key sync',
      masterKey: key,
      enforceSSL: true,
    });
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsOfThisAccount',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: {
          ArnLike: {
            'aws:SourceArn': `arn:${Aws.PARTITION}:cloudwatch:${Aws.REGION}:${Aws.ACCOUNT_ID}:alarm:*`,
          },
        },
      }),
    );
    emails.forEach((email) => topic.addSubscription(new EmailSubscription(email)));
    return topic;
  }
}
