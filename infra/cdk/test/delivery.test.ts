import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { eventPattern } from '../lib/shared';
import { arnOf, Synthesised } from './fixture';

const HOUR = 3600;
const synthesised = new Synthesised();
const { queue, deadLetters } = synthesised;

test('the rule has exactly the shared pattern', () => {
  const expected = eventPattern({ ParameterPrefix: '/iam_users/', ParameterSuffix: '_keys' });
  assert.deepEqual(synthesised.one('AWS::Events::Rule').Properties.EventPattern, expected);
  const other = new Synthesised({ parameterPrefix: '/a/b/', parameterSuffix: '.k' });
  assert.deepEqual(other.one('AWS::Events::Rule').Properties.EventPattern.detail.name, [{ wildcard: '/a/b/*.k' }]);
});

test('the rule sends to the queue for a day, then to the dead letters', () => {
  const { State, Targets } = synthesised.one('AWS::Events::Rule').Properties;
  assert.equal(State, 'ENABLED');
  assert.deepEqual(Targets, [
    {
      Id: 'Target0',
      Arn: arnOf(queue),
      DeadLetterConfig: { Arn: arnOf(deadLetters) },
      RetryPolicy: { MaximumEventAgeInSeconds: 24 * HOUR, MaximumRetryAttempts: 185 },
    },
  ]);
});

test('only this rule may send to the queue and to the dead letters', () => {
  const rule = synthesised.one('AWS::Events::Rule');
  for (const part of ['EventsQueuePolicy', 'EventsDeadLettersPolicy']) {
    const policy = synthesised.one('AWS::SQS::QueuePolicy', part).Properties.PolicyDocument;
    const allowed = policy.Statement.filter(({ Effect }: any) => Effect === 'Allow');
    assert.equal(allowed.length, 1, part);
    assert.deepEqual(allowed[0].Principal, { Service: 'events.amazonaws.com' });
    assert.deepEqual(allowed[0].Condition, { ArnEquals: { 'aws:SourceArn': arnOf(rule) } });
  }
});

test('the mapping takes batches at once, few at a time, and retries single messages', () => {
  assert.deepEqual(synthesised.one('AWS::Lambda::EventSourceMapping').Properties, {
    EventSourceArn: arnOf(queue),
    FunctionName: { Ref: synthesised.function.id },
    BatchSize: 10,
    MaximumBatchingWindowInSeconds: 0,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    ScalingConfig: { MaximumConcurrency: 2 },
  });
  const wider = new Synthesised({ maxConcurrency: 7 });
  assert.deepEqual(wider.one('AWS::Lambda::EventSourceMapping').Properties.ScalingConfig, { MaximumConcurrency: 7 });
});

test('a message that was handed back comes again within minutes, for days, and then moves to the dead letters', () => {
  assert.equal(queue.Properties.VisibilityTimeout, 2 * synthesised.function.Properties.Timeout);
  assert.equal(queue.Properties.MessageRetentionPeriod, 96 * HOUR);
  assert.deepEqual(queue.Properties.RedrivePolicy, { deadLetterTargetArn: arnOf(deadLetters), maxReceiveCount: 900 });
  assert.equal(queue.Properties.FifoQueue, undefined);
});

test('retries outlast the replaced key and end before the message is dropped, whatever the function timeout', () => {
  for (const seconds of [10, 60, 107, 108, 109, 120, 300, 900]) {
    const { Properties } = new Synthesised({ functionTimeoutSeconds: seconds }).queue;
    assert.ok(Properties.VisibilityTimeout >= 2 * seconds, `${seconds} s: visible after ${Properties.VisibilityTimeout} s`);
    const retriesEnd = Properties.VisibilityTimeout * Properties.RedrivePolicy.maxReceiveCount;
    assert.ok(retriesEnd > 48 * HOUR, `${seconds} s: retries end after ${retriesEnd} s`);
    assert.ok(retriesEnd < Properties.MessageRetentionPeriod, `${seconds} s: retries end after ${retriesEnd} s`);
  }
});

test('warns when a short visibility timeout ends the retries too early, and not otherwise', () => {
  const short = new Synthesised({ functionTimeoutSeconds: 10, queueVisibilitySeconds: 12 });
  assert.equal(short.queue.Properties.RedrivePolicy.maxReceiveCount, 1000);
  const warning = Match.stringLikeRegexp('ends the retries after 3.3 hours');
  Annotations.fromStack(short.stack).hasWarning('*', warning);
  Annotations.fromStack(synthesised.stack).hasNoWarning('*', Match.anyValue());
});

test('refuses a visibility timeout that is not longer than the function timeout', () => {
  const props = { functionTimeoutSeconds: 60, queueVisibilitySeconds: 60 };
  assert.throws(() => new Synthesised(props), /queueVisibilitySeconds: expected more than functionTimeoutSeconds \(60\)/);
});

test('refuses a function timeout that leaves the function no time in hand', () => {
  assert.throws(() => new Synthesised({ functionTimeoutSeconds: 9 }), /functionTimeoutSeconds: expected a whole number from 10 to 900; got 9/);
});

test('dead letters are kept as long as SQS allows', () => {
  const others = synthesised.all('AWS::SQS::Queue').filter(({ id }) => id !== queue.id);
  assert.equal(others.length, 3);
  for (const { id, Properties } of others) assert.equal(Properties.MessageRetentionPeriod, 14 * 24 * HOUR, id);
});

test('every queue refuses plain HTTP', () => {
  const policies = synthesised.all('AWS::SQS::QueuePolicy');
  for (const each of synthesised.all('AWS::SQS::Queue')) {
    const policy = policies.find(({ Properties }) => Properties.Queues[0].Ref === each.id);
    const denied = policy?.Properties.PolicyDocument.Statement.find(({ Effect }: any) => Effect === 'Deny');
    assert.deepEqual(denied, {
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Action: 'sqs:*',
      Resource: arnOf(each),
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    });
  }
});
