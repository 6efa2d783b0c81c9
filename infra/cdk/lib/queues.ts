/**
 * The queues: change events on their way to the function, and what could not be delivered or processed.
 */
import { Annotations, Duration } from 'aws-cdk-lib';
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { settings } from './shared';

/** The queue of change events, with the dead-letter queue that its rule uses too. */
export class EventQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, props: { functionTimeout: Duration; visibilityTimeout?: Duration }) {
    super(scope, id);
    const visibilityTimeout = props.visibilityTimeout ?? defaultVisibilityTimeout(props.functionTimeout);
    if (visibilityTimeout.toSeconds() <= props.functionTimeout.toSeconds()) {
      throw new Error(
        `queueVisibilityTimeout (${visibilityTimeout.toSeconds()} s) must be longer than functionTimeout ` +
          `(${props.functionTimeout.toSeconds()} s), or a message is delivered again while it is being worked on`,
      );
    }

    this.deadLetters = deadLetterQueue(this, 'DeadLetters');
    this.queue = encryptedQueue(this, 'Queue', {
      visibilityTimeout,
      retentionPeriod: Duration.days(settings.queue.retentionDays.value),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: this.maxReceiveCount(visibilityTimeout) },
    });
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
export function deadLetterQueue(scope: Construct, id: string): Queue {
  return encryptedQueue(scope, id, { retentionPeriod: Duration.days(settings.deadLetters.retentionDays.value) });
}

function encryptedQueue(scope: Construct, id: string, props: QueueProps): Queue {
  return new Queue(scope, id, { ...props, encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true });
}
