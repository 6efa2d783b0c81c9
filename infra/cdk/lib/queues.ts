/**
 * The queues: change events on their way to the function, and what could not be delivered or processed.
 */
import { Annotations, Duration } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { CfnQueue, Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { settings } from './shared';

/** The queue of change events, with the dead-letter queue that its rule uses too. */
export class EventQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, props: { functionTimeout: Duration; visibilityTimeout?: Duration; key?: IKey }) {
    super(scope, id);
    const visibilityTimeout = props.visibilityTimeout ?? defaultVisibilityTimeout(props.functionTimeout);
    this.deadLetters = deadLetterQueue(this, 'DeadLetters', props.key);
    this.queue = encryptedQueue(this, 'Queue', {
      visibilityTimeout,
      retentionPeriod: Duration.days(settings.queue.retentionDays.value),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: this.maxReceiveCount(visibilityTimeout) },
    }, props.key);
  }

  private maxReceiveCount(visibilityTimeout: Duration): number {
    const { retryHours, maxReceiveCountLimit, keyLifetimeHours } = settings.queue;
    const wanted = Math.ceil((retryHours.value * 3600) / visibilityTimeout.toSeconds());
    const count = Math.min(wanted, maxReceiveCountLimit.value);
    const hours = (count * visibilityTimeout.toSeconds()) / 3600;
    if (hours < keyLifetimeHours.value) {
      Annotations.of(this).addWarningV2(
        'iam-key-sync:short-retries',
        `a queue visibility timeout of ${visibilityTimeout.toSeconds()} s ends the retries after ${hours.toFixed(1)} hours, ` +
          `before the replaced key is deleted (${keyLifetimeHours.value} hours); make it longer, unless this is a test`,
      );
    }
    return count;
  }
}

/** In step with the function, but so long that the most receives that SQS counts last for the whole time of retries. */
function defaultVisibilityTimeout(functionTimeout: Duration): Duration {
  const { visibilityTimeoutPerFunctionTimeout, retryHours, maxReceiveCountLimit } = settings.queue;
  const least = Math.ceil((retryHours.value * 3600) / maxReceiveCountLimit.value);
  return Duration.seconds(Math.max(least, visibilityTimeoutPerFunctionTimeout.value * functionTimeout.toSeconds()));
}

/** A queue that only people read. */
export function deadLetterQueue(scope: Construct, id: string, key: IKey | undefined): Queue {
  return encryptedQueue(scope, id, { retentionPeriod: Duration.days(settings.deadLetters.retentionDays.value) }, key);
}

function encryptedQueue(scope: Construct, id: string, props: QueueProps, key: IKey | undefined): Queue {
  if (key === undefined) return new Queue(scope, id, { ...props, encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true });
  const queue = new Queue(scope, id, { ...props, encryption: QueueEncryption.UNENCRYPTED, enforceSSL: true });
  // Behind the CDK's back: for a queue whose key it knows, it would let every rule of the account send, and widen the key's
  // policy, which is key-policy.json and nothing else.
  const resource = queue.node.defaultChild as CfnQueue;
  resource.kmsMasterKeyId = key.keyArn;
  resource.sqsManagedSseEnabled = undefined;
  return queue;
}
