import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { eventPattern } from '../lib/shared';
import { arnOf, Synthesised } from './fixture';

const HOUR = 3600;
const synthesised = new Synthesised();
const { queue, deadLetters } = synthesised;

test('rule: has exactly the shared pattern', () => {
  const expected = eventPattern({ ParameterPrefix: '/iam_users/', ParameterSuffix: '_keys' });
  assert.deepEqual(synthesised.one('AWS::Events::Rule').Properties.EventPattern, expected);
  const other = new Synthesised({ parameterPrefix: '/a/b/', parameterSuffix: '.k' });
  assert.deepEqual(other.one('AWS::Events::Rule').Properties.EventPattern.detail.name, [
    { wildcard: '/a/b/*.k' },
  ]);
});

test('rule: retries delivery for a day, then dead-letters', () => {
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

test('queue policies: allow only the rule to send', () => {
  const rule = synthesised.one('AWS::Events::Rule');
  for (const part of ['EventsQueuePolicy', 'EventsDeadLettersPolicy']) {
    const policy = synthesised.one('AWS::SQS::QueuePolicy', part).Properties.PolicyDocument;
    const allowed = policy.Statement.filter(({ Effect }: any) => Effect === 'Allow');
    assert.equal(allowed.length, 1, part);
    assert.deepEqual(allowed[0].Principal, { Service: 'events.amazonaws.com' });
    assert.deepEqual(allowed[0].Condition, { ArnEquals: { 'aws:SourceArn': arnOf(rule) } });
  }
});

test('mapping: receives batches and reports single failures', () => {
  assert.deepEqual(synthesised.one('AWS::Lambda::EventSourceMapping').Properties, {
    EventSourceArn: arnOf(queue),
    FunctionName: { Ref: synthesised.function.id },
    Enabled: true,
    BatchSize: 10,
    MaximumBatchingWindowInSeconds: 0,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    ScalingConfig: { MaximumConcurrency: 2 },
  });
  const wider = new Synthesised({ maxConcurrency: 7 });
  assert.deepEqual(wider.one('AWS::Lambda::EventSourceMapping').Properties.ScalingConfig, {
    MaximumConcurrency: 7,
  });
});

test('queue: delays each event', () => {
  assert.equal(queue.Properties.DelaySeconds, 15);
  assert.equal(new Synthesised({ queueDelaySeconds: 0 }).queue.Properties.DelaySeconds, 0);
});

test('pause: stops only the mapping and the schedules', () => {
  const paused = new Synthesised({ enabled: false });
  assert.equal(paused.one('AWS::Lambda::EventSourceMapping').Properties.Enabled, false);
  assert.equal(paused.one('AWS::Events::Rule').Properties.State, 'ENABLED');
  for (const [of, state] of [
    [paused, 'DISABLED'],
    [synthesised, 'ENABLED'],
  ] as const) {
    const states = of.all('AWS::Scheduler::Schedule').map(({ Properties }) => Properties.State);
    assert.deepEqual(states, [state, state]);
  }
  const alarms = (of: Synthesised) => of.all('AWS::CloudWatch::Alarm').map(({ id }) => id);
  assert.deepEqual(alarms(paused), alarms(synthesised));
});

test('queue: retries for days, then dead-letters', () => {
  assert.equal(queue.Properties.VisibilityTimeout, 2 * synthesised.function.Properties.Timeout);
  assert.equal(queue.Properties.MessageRetentionPeriod, 96 * HOUR);
  assert.deepEqual(queue.Properties.RedrivePolicy, {
    deadLetterTargetArn: arnOf(deadLetters),
    maxReceiveCount: 900,
  });
  assert.equal(queue.Properties.FifoQueue, undefined);
});

test('queue: retries outlast a key with any function timeout', () => {
  for (const seconds of [10, 60, 107, 108, 109, 120, 300, 900]) {
    const { Properties } = new Synthesised({ functionTimeoutSeconds: seconds }).queue;
    assert.ok(
      Properties.VisibilityTimeout >= 2 * seconds,
      `${seconds} s: visible after ${Properties.VisibilityTimeout} s`,
    );
    const retriesEnd = Properties.VisibilityTimeout * Properties.RedrivePolicy.maxReceiveCount;
    assert.ok(retriesEnd > 48 * HOUR, `${seconds} s: retries end after ${retriesEnd} s`);
    assert.ok(
      retriesEnd < Properties.MessageRetentionPeriod,
      `${seconds} s: retries end after ${retriesEnd} s`,
    );
  }
});

test('queue: warns if retries end before the key expires', () => {
  const short = new Synthesised({ functionTimeoutSeconds: 10, queueVisibilitySeconds: 12 });
  assert.equal(short.queue.Properties.RedrivePolicy.maxReceiveCount, 1000);
  const warning = Match.stringLikeRegexp('12 s ends them after 3.3 hours');
  Annotations.fromStack(short.stack).hasWarning('*', warning);
  Annotations.fromStack(synthesised.stack).hasNoWarning('*', Match.anyValue());
});

test('queue: rejects a visibility timeout that is too short', () => {
  const props = { functionTimeoutSeconds: 60, queueVisibilitySeconds: 60 };
  assert.throws(
    () => new Synthesised(props),
    /queueVisibilitySeconds: expected more than functionTimeoutSeconds \(60\)/,
  );
});

test('function: rejects a timeout below the minimum', () => {
  assert.throws(
    () => new Synthesised({ functionTimeoutSeconds: 9 }),
    /functionTimeoutSeconds: expected a whole number from 10 to 900; got 9/,
  );
});

test('dead-letter queues: keep messages for 14 days', () => {
  const others = synthesised.all('AWS::SQS::Queue').filter(({ id }) => id !== queue.id);
  assert.equal(others.length, 3);
  for (const { id, Properties } of others)
    assert.equal(Properties.MessageRetentionPeriod, 14 * 24 * HOUR, id);
});

test('queue policies: deny access without TLS', () => {
  const policies = synthesised.all('AWS::SQS::QueuePolicy');
  for (const each of synthesised.all('AWS::SQS::Queue')) {
    const policy = policies.find(({ Properties }) => Properties.Queues[0].Ref === each.id);
    const denied = policy?.Properties.PolicyDocument.Statement.find(
      ({ Effect }: any) => Effect === 'Deny',
    );
    assert.deepEqual(denied, {
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Action: 'sqs:*',
      Resource: arnOf(each),
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    });
  }
});
