import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arnOf, Synthesised } from './fixture';

const synthesised = new Synthesised();
const deadLetters = synthesised.one('AWS::SQS::Queue', 'SchedulesDeadLetters');
const role = synthesised.one('AWS::IAM::Role', 'SchedulesRole');

function schedule(part: string): Record<string, any> {
  return synthesised.one('AWS::Scheduler::Schedule', part).Properties;
}

test('sweeps every night, in the time zone of the people, at an hour that no clock change skips', () => {
  const { ScheduleExpression, ScheduleExpressionTimezone, Target } = schedule('Sweep');
  assert.equal(ScheduleExpressionTimezone, 'America/Vancouver');
  const [, hour] = /^cron\(\d+ (\d+) \* \* \? \*\)$/.exec(ScheduleExpression)!;
  assert.ok(Number(hour) >= 3 && Number(hour) <= 5, ScheduleExpression);
  assert.deepEqual(JSON.parse(Target.Input), { action: 'reconcile' });
});

test('renews the token every six hours, not at deployment', () => {
  const { ScheduleExpression, Target } = schedule('TokenRefresh');
  const hours = /^cron\(0 ([\d,]+) \* \* \? \*\)$/.exec(ScheduleExpression)![1]!.split(',').map(Number);
  assert.equal(hours.length, 4);
  hours.forEach((hour, index) => assert.equal(hour, hours[0]! + 6 * index));
  assert.deepEqual(JSON.parse(Target.Input), { action: 'refresh-token' });
});

test('each schedule invokes the function within a quarter of an hour, and gives up into the dead letters after a day', () => {
  assert.equal(synthesised.all('AWS::Scheduler::Schedule').length, 2);
  for (const { FlexibleTimeWindow, Target } of [schedule('Sweep'), schedule('TokenRefresh')]) {
    assert.deepEqual(FlexibleTimeWindow, { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 });
    assert.deepEqual(Target.Arn, arnOf(synthesised.function));
    assert.deepEqual(Target.RoleArn, arnOf(role));
    assert.deepEqual(Target.DeadLetterConfig, { Arn: arnOf(deadLetters) });
    assert.deepEqual(Target.RetryPolicy, { MaximumEventAgeInSeconds: 86400, MaximumRetryAttempts: 185 });
  }
});

test('the role of the schedules may invoke this function and write to its dead letters, nothing else', () => {
  assert.equal(role.Properties.Policies.length, 1);
  assert.deepEqual(role.Properties.Policies[0].PolicyDocument.Statement, [
    { Sid: 'InvokeFunction', Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: arnOf(synthesised.function) },
    { Sid: 'RecordUndelivered', Effect: 'Allow', Action: 'sqs:SendMessage', Resource: arnOf(deadLetters) },
    {
      Sid: 'UseKeyForDeadLetters',
      Effect: 'Allow',
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: arnOf(synthesised.one('AWS::KMS::Key')),
      Condition: { StringEquals: { 'kms:ViaService': [{ 'Fn::Join': ['', ['sqs.', { Ref: 'AWS::Region' }, '.amazonaws.com']] }] } },
    },
  ]);
});

test('only the Scheduler of this account may assume that role', () => {
  const [statement, ...others] = role.Properties.AssumeRolePolicyDocument.Statement;
  assert.equal(others.length, 0);
  assert.deepEqual(statement.Principal, { Service: 'scheduler.amazonaws.com' });
  assert.deepEqual(statement.Condition.StringEquals['aws:SourceAccount'], { Ref: 'AWS::AccountId' });
});

test('times and time zone may be chosen', () => {
  const chosen = new Synthesised({ scheduleTimeZone: 'America/Toronto', sweepSchedule: 'cron(0 4 * * ? *)', tokenRefreshSchedule: 'rate(3 hours)' });
  const schedules = chosen.all('AWS::Scheduler::Schedule').map(({ Properties }) => Properties);
  assert.deepEqual(schedules.map(({ ScheduleExpression }) => ScheduleExpression), ['cron(0 4 * * ? *)', 'rate(3 hours)']);
  for (const { ScheduleExpressionTimezone } of schedules) assert.equal(ScheduleExpressionTimezone, 'America/Toronto');
});
