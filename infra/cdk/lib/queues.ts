/**
 * The queue of change events, and the dead-letter queues.
 */
import { Annotations, Duration } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { CfnQueue, Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { settings } from './shared';

/** The queue of change events, with the dead-letter queue that its rule shares. */
export class EventQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(
    scope: Construct,
    id: string,
    props: { functionTimeout: Duration; delay: Duration; visibilityTimeout?: Duration; key?: IKey },
  ) {
    super(scope, id);
    const visibilityTimeout =
      props.visibilityTimeout ?? defaultVisibilityTimeout(props.functionTimeout);
    this.deadLetters = deadLetterQueue(this, 'DeadLetters', props.key);
    this.queue = encryptedQueue(
      this,
      'Queue',
      {
        visibilityTimeout,
        deliveryDelay: props.delay,
        retentionPeriod: Duration.days(settings.queue.retentionDays.value),
        deadLetterQueue: {
          queue: this.deadLetters,
          maxReceiveCount: this.maxReceiveCount(visibilityTimeout),
        },
      },
      props.key,
    );
  }

  private maxReceiveCount(visibilityTimeout: Duration): number {
    const { retryHours, maxReceiveCountLimit, keyLifetimeHours } = settings.queue;
    const wanted = Math.ceil((retryHours.value * 3600) / visibilityTimeout.toSeconds());
    const count = Math.min(wanted, maxReceiveCountLimit.value);
    const hours = (count * visibilityTimeout.toSeconds()) / 3600;
    if (hours < keyLifetimeHours.value) {
      Annotations.of(this).addWarningV2(
        'iam-key-sync:short-retries',
        'queueVisibilitySeconds: expected retries that last until the replaced key is deleted ' +
          `(${keyLifetimeHours.value} hours), but ${visibilityTimeout.toSeconds()} s ends them after ` +
          `${hours.toFixed(1)} hours; increase it, unless this is a test`,
      );
    }
    return count;
  }
}

/**
 * Returns the default, which follows the function's timeout. Its lower limit is such that retries
 * last for `retryHours` with the maximum receive count of SQS.
 */
function defaultVisibilityTimeout(functionTimeout: Duration): Duration {
  const { visibilityTimeoutPerFunctionTimeout, retryHours, maxReceiveCountLimit } = settings.queue;
  const least = Math.ceil((retryHours.value * 3600) / maxReceiveCountLimit.value);
  return Duration.seconds(
    Math.max(least, visibilityTimeoutPerFunctionTimeout.value * functionTimeout.toSeconds()),
  );
}

/** Creates a dead-letter queue, which only operators read. */
export function deadLetterQueue(scope: Construct, id: string, key: IKey | undefined): Queue {
  return encryptedQueue(
    scope,
    id,
    { retentionPeriod: Duration.days(settings.deadLetters.retentionDays.value) },
    key,
  );
}

function encryptedQueue(
  scope: Construct,
  id: string,
  props: QueueProps,
  key: IKey | undefined,
): Queue {
  if (key === undefined)
    return new Queue(scope, id, {
      ...props,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
  const queue = new Queue(scope, id, {
    ...props,
    encryption: QueueEncryption.UNENCRYPTED,
    enforceSSL: true,
  });
  // Set on the CloudFormation resource. If the CDK knew the key, it would allow every rule of the
  // account to send, and would extend the key's policy, which must contain only key-policy.json.
  const resource = queue.node.defaultChild as CfnQueue;
  resource.kmsMasterKeyId = key.keyArn;
  resource.sqsManagedSseEnabled = undefined;
  return queue;
}
