/**
 * The construct with everything that the service needs in one account and Region.
 *
 *   SSM change event → rule → queue → function → Vault, state in the bucket;
 *   schedules → function; alarms and a dashboard monitor it.
 */
import { Annotations, Aws, Duration, RemovalPolicy, Tags } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { EventSourceMapping, type IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { encryptionKey } from './encryption';
import { fileProblems, inputDefault } from './inputs';
import { Monitoring } from './monitoring';
import { Network } from './network';
import { logsIn, type IamKeySyncProps } from './props';
import { EventQueue } from './queues';
import { validate } from './rules';
import { Schedules } from './schedules';
import { environmentDefault, eventPattern, settings } from './shared';
import { stateBucket } from './state-bucket';
import { SyncFunction } from './sync-function';
import { TargetsDocument } from './targets-document';

export class IamKeySync extends Construct {
  readonly function: IFunction;
  readonly logGroup: ILogGroup;
  /** State objects and the Vault token. */
  readonly bucket: IBucket;
  /** Change events for the function. */
  readonly queue: IQueue;
  /** Change events that were not delivered, or not processed in time. */
  readonly deadLetterQueue: IQueue;
  /** Reconcile runs and token renewals that failed three times. */
  readonly failedInvocationQueue: IQueue;
  /** Reconcile runs and token renewals that EventBridge Scheduler could not start. */
  readonly scheduleDeadLetterQueue: IQueue;
  readonly rule: Rule;
  /** The schedule of the nightly reconcile run. */
  readonly sweepSchedule: CfnSchedule;
  /** The key of the bucket, the queues and the topic, if there is one. */
  readonly key?: IKey;
  /** The function's security group, if the function is in a VPC. */
  readonly securityGroupId?: string;
  readonly alarmTopicArn: string;
  readonly dashboardName: string;

  constructor(scope: Construct, id: string, props: IamKeySyncProps) {
    super(scope, id);
    const problems = validate(props);
    if (problems.length > 0) throw new Error(problems.join('\n'));
    // The CDK reports these for a deployment, and not for a destroy.
    for (const problem of fileProblems(props)) Annotations.of(this).addError(problem);
    for (const [name, value] of Object.entries(props.tags ?? {})) Tags.of(this).add(name, value);
    const functionTimeout = Duration.seconds(
      props.functionTimeoutSeconds ?? inputDefault('functionTimeoutSeconds'),
    );
    const visibilityTimeout =
      props.queueVisibilitySeconds === undefined
        ? undefined
        : Duration.seconds(props.queueVisibilitySeconds);
    // A first deployment that fails leaves nothing behind.
    const removalPolicy =
      props.removalPolicy === 'destroy'
        ? RemovalPolicy.DESTROY
        : RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;

    const key = encryptionKey(this, 'Key', props, {
      Partition: Aws.PARTITION,
      Region: Aws.REGION,
      Account: Aws.ACCOUNT_ID,
      CreatedTopic: props.alarmTopicArn === undefined ? 'on' : undefined,
      EncryptedLogs: props.encryptLogs ? 'on' : undefined,
    });
    const network = props.vpcId === undefined ? undefined : new Network(this, 'Network', props);
    const delay = Duration.seconds(props.queueDelaySeconds ?? inputDefault('queueDelaySeconds'));
    const events = new EventQueue(this, 'Events', {
      functionTimeout,
      delay,
      visibilityTimeout,
      key,
    });
    const bucket = stateBucket(this, 'State', removalPolicy, props.bucketName, key);
    this.bucket = bucket;
    const sync = new SyncFunction(this, 'Sync', props, {
      bucket,
      queue: events.queue,
      functionTimeout,
      removalPolicy,
      key,
      network,
    });
    this.storeTargets(props, sync, key);
    const schedules = new Schedules(this, 'Schedules', sync.function, props, key);

    this.key = key;
    this.securityGroupId = network?.securityGroupId;
    this.queue = events.queue;
    this.deadLetterQueue = events.deadLetters;
    this.failedInvocationQueue = sync.failures;
    this.scheduleDeadLetterQueue = schedules.deadLetters;
    this.function = sync.function;
    this.logGroup = sync.logGroup;
    this.rule = this.changeRule(props);
    this.mapping(props);
    this.sweepSchedule = schedules.reconcile;

    // The id is part of the logical ids of the alarms, the topic and the dashboard.
    const monitoring = new Monitoring(this, 'Watch', props, key, {
      Partition: Aws.PARTITION,
      Region: Aws.REGION,
      Account: Aws.ACCOUNT_ID,
      TokenKey: logsIn(props) ? undefined : environmentDefault('VAULT_TOKEN_S3_KEY'),
      FunctionName: this.function.functionName,
      LogGroupName: this.logGroup.logGroupName,
      RuleName: this.rule.ruleName,
      QueueName: this.queue.queueName,
      EventDeadLetterQueueName: this.deadLetterQueue.queueName,
      FailedInvocationQueueName: sync.failures.queueName,
      ScheduleDeadLetterQueueName: schedules.deadLetters.queueName,
    });
    this.alarmTopicArn = monitoring.topicArn;
    this.dashboardName = monitoring.dashboard.ref;
  }

  /** Stores the targets document, if a file is given. */
  private storeTargets(props: IamKeySyncProps, sync: SyncFunction, key: IKey | undefined): void {
    const { targetsFile } = props;
    // A destroy does not need the file. Its error prevents a deployment without it.
    if (targetsFile === undefined || fileProblems({ targetsFile }).length > 0) return;
    const resources = { bucket: this.bucket, logGroup: sync.logGroup, key };
    const document = new TargetsDocument(this, 'Targets', targetsFile, props, resources);
    // A function that starts before its targets document would publish keys at the default paths.
    sync.function.node.addDependency(document);
  }

  private changeRule({ parameterPrefix, parameterSuffix }: IamKeySyncProps): Rule {
    const pattern = eventPattern({
      ParameterPrefix: parameterPrefix ?? environmentDefault('SSM_PARAMETER_PREFIX'),
      ParameterSuffix: parameterSuffix ?? environmentDefault('SSM_PARAMETER_SUFFIX'),
    });
    return new Rule(this, 'ParameterChanges', {
      description: 'Changes of the parameters that hold IAM access keys',
      eventPattern: {
        source: pattern.source,
        detailType: pattern['detail-type'],
        detail: pattern.detail,
      },
      targets: [
        new SqsQueue(this.queue, {
          deadLetterQueue: this.deadLetterQueue,
          maxEventAge: Duration.hours(settings.delivery.maximumEventAgeHours.value),
          retryAttempts: settings.delivery.retryAttempts.value,
        }),
      ],
    });
  }

  private mapping({ enabled, maxConcurrency }: IamKeySyncProps): void {
    new EventSourceMapping(this, 'Mapping', {
      enabled: enabled ?? true,
      target: this.function,
      eventSourceArn: this.queue.queueArn,
      batchSize: settings.mapping.batchSize.value,
      maxBatchingWindow: Duration.seconds(settings.mapping.batchingWindowSeconds.value),
      maxConcurrency: maxConcurrency ?? inputDefault('maxConcurrency'),
      reportBatchItemFailures: true,
    });
  }
}
