import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arnOf, Synthesised } from './fixture';

const synthesised = new Synthesised();
const deadLetters = synthesised.one('AWS::SQS::Queue', 'SchedulesDeadLetters');
const role = synthesised.one('AWS::IAM::Role', 'SchedulesRole');

function schedule(part: string): Record<string, any> {
  return synthesised.one('AWS::Scheduler::Schedule', part).Properties;
}

test('reconcile schedule: nightly, outside clock changes', () => {
  const { ScheduleExpression, ScheduleExpressionTimezone, Target } = schedule('Sweep');
  assert.equal(ScheduleExpressionTimezone, 'America/Vancouver');
  const [, hour] = /^cron\(\d+ (\d+) \* \* \? \*\)$/.exec(ScheduleExpression)!;
  assert.ok(Number(hour) >= 3 && Number(hour) <= 5, ScheduleExpression);
  assert.deepEqual(JSON.parse(Target.Input), { action: 'reconcile' });
});

test('token schedule: every six hours, not at deployment', () => {
  const { ScheduleExpression, Target } = schedule('TokenRefresh');
  const hours = /^cron\(0 ([\d,]+) \* \* \? \*\)$/
    .exec(ScheduleExpression)![1]!
    .split(',')
    .map(Number);
  assert.equal(hours.length, 4);
  hours.forEach((hour, index) => assert.equal(hour, hours[0]! + 6 * index));
  assert.deepEqual(JSON.parse(Target.Input), { action: 'refresh-token' });
});

test('schedules: retry for a day, then dead-letter', () => {
  assert.equal(synthesised.all('AWS::Scheduler::Schedule').length, 2);
  for (const { FlexibleTimeWindow, Target } of [schedule('Sweep'), schedule('TokenRefresh')]) {
    assert.deepEqual(FlexibleTimeWindow, { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 });
    assert.deepEqual(Target.Arn, arnOf(synthesised.function));
    assert.deepEqual(Target.RoleArn, arnOf(role));
    assert.deepEqual(Target.DeadLetterConfig, { Arn: arnOf(deadLetters) });
    assert.deepEqual(Target.RetryPolicy, {
      MaximumEventAgeInSeconds: 86400,
      MaximumRetryAttempts: 185,
    });
  }
});

test('scheduler role: may only invoke and dead-letter', () => {
  assert.equal(role.Properties.Policies.length, 1);
  assert.deepEqual(role.Properties.Policies[0].PolicyDocument.Statement, [
    {
      Sid: 'InvokeFunction',
      Effect: 'Allow',
      Action: 'lambda:InvokeFunction',
      Resource: arnOf(synthesised.function),
    },
    {
      Sid: 'RecordUndelivered',
      Effect: 'Allow',
      Action: 'sqs:SendMessage',
      Resource: arnOf(deadLetters),
    },
    {
      Sid: 'UseKeyForDeadLetters',
      Effect: 'Allow',
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: arnOf(synthesised.one('AWS::KMS::Key')),
      Condition: {
        StringEquals: {
          'kms:ViaService': [
            { 'Fn::Join': ['', ['sqs.', { Ref: 'AWS::Region' }, '.amazonaws.com']] },
          ],
        },
      },
    },
  ]);
});

test('scheduler role: trusts only this account', () => {
  const [statement, ...others] = role.Properties.AssumeRolePolicyDocument.Statement;
  assert.equal(others.length, 0);
  assert.deepEqual(statement.Principal, { Service: 'scheduler.amazonaws.com' });
  assert.deepEqual(statement.Condition.StringEquals['aws:SourceAccount'], {
    Ref: 'AWS::AccountId',
  });
});

test('schedules: times and time zone are inputs', () => {
  const chosen = new Synthesised({
    scheduleTimeZone: 'America/Toronto',
    sweepSchedule: 'cron(0 4 * * ? *)',
    tokenRefreshSchedule: 'rate(3 hours)',
  });
  const schedules = chosen.all('AWS::Scheduler::Schedule').map(({ Properties }) => Properties);
  assert.deepEqual(
    schedules.map(({ ScheduleExpression }) => ScheduleExpression),
    ['cron(0 4 * * ? *)', 'rate(3 hours)'],
  );
  for (const { ScheduleExpressionTimezone } of schedules)
    assert.equal(ScheduleExpressionTimezone, 'America/Toronto');
});
