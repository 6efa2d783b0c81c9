/**
 * The construct for your own stacks: everything that the service needs in one account and Region.
 *
 *   SSM change event → rule → queue → function → Vault, state in the bucket;
 *   schedules → function.
 */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { EventSourceMapping, type IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { IamKeySyncProps } from './props';
import { EventQueue } from './queues';
import { Schedules } from './schedules';
import { environmentDefault, eventPattern, settings } from './shared';
import { stateBucket } from './state-bucket';
import { SyncFunction } from './sync-function';

export class IamKeySync extends Construct {
  readonly function: IFunction;
  readonly logGroup: ILogGroup;
  /** State objects and the Vault token. */
  readonly bucket: IBucket;
  /** Change events on their way to the function. */
  readonly queue: IQueue;
  /** Change events that could not be delivered, or not be processed in time. */
  readonly deadLetterQueue: IQueue;
  readonly rule: Rule;
  /** The nightly sweep. */
  readonly sweepSchedule: CfnSchedule;

  constructor(scope: Construct, id: string, props: IamKeySyncProps) {
    super(scope, id);
    const functionTimeout = props.functionTimeout ?? Duration.seconds(settings.function.timeoutSeconds.value);
    const least = settings.function.leastTimeoutSeconds.value;
    if (functionTimeout.toSeconds() < least) {
      throw new Error(`functionTimeout (${functionTimeout.toSeconds()} s) must be at least ${least} s: the function keeps time in hand`);
    }
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    const parameterPrefix = props.parameterPrefix ?? environmentDefault('SSM_PARAMETER_PREFIX');
    const parameterSuffix = props.parameterSuffix ?? environmentDefault('SSM_PARAMETER_SUFFIX');

    const events = new EventQueue(this, 'Events', { functionTimeout, visibilityTimeout: props.queueVisibilityTimeout });
    this.queue = events.queue;
    this.deadLetterQueue = events.deadLetters;
    this.bucket = stateBucket(this, 'State', removalPolicy);

    const sync = new SyncFunction(this, 'Sync', {
      ...props,
      functionTimeout,
      removalPolicy,
      parameterPrefix,
      parameterSuffix,
      bucket: this.bucket,
      queue: this.queue,
    });
    this.function = sync.function;
    this.logGroup = sync.logGroup;

    this.rule = this.changeRule(parameterPrefix, parameterSuffix);
    this.mapping(props.maxConcurrency);
    this.sweepSchedule = new Schedules(this, 'Schedules', this.function).sweep;
  }

  private changeRule(parameterPrefix: string, parameterSuffix: string): Rule {
    const pattern = eventPattern({ ParameterPrefix: parameterPrefix, ParameterSuffix: parameterSuffix });
    return new Rule(this, 'ParameterChanges', {
      description: 'Changes of the parameters that hold IAM access keys',
      eventPattern: { source: pattern.source, detailType: pattern['detail-type'], detail: pattern.detail },
      targets: [
        new SqsQueue(this.queue, {
          deadLetterQueue: this.deadLetterQueue,
          maxEventAge: Duration.hours(settings.delivery.maximumEventAgeHours.value),
          retryAttempts: settings.delivery.retryAttempts.value,
        }),
      ],
    });
  }

  private mapping(maxConcurrency: number | undefined): void {
    new EventSourceMapping(this, 'Mapping', {
      target: this.function,
      eventSourceArn: this.queue.queueArn,
      batchSize: settings.mapping.batchSize.value,
      maxBatchingWindow: Duration.seconds(settings.mapping.batchingWindowSeconds.value),
      maxConcurrency: maxConcurrency ?? settings.mapping.maximumConcurrency.value,
      reportBatchItemFailures: true,
    });
  }
}
