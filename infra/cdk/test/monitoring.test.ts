import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { read, settings, type AlarmDefinition } from '../lib/shared';
import { arnOf, plain, Synthesised } from './fixture';

const HOUR = 3600;
const DAY = 24 * HOUR;
const definitions = read<AlarmDefinition[]>('alarms.json');
const synthesised = new Synthesised();
const OPERATIONS = path.join(__dirname, '..', '..', '..', '..', 'docs', 'operations.md');

test('alarms: equal alarms.json and notify the topic', () => {
  const topic = { Ref: synthesised.one('AWS::SNS::Topic').id };
  const alarms = synthesised.all('AWS::CloudWatch::Alarm').map(({ Properties }) => Properties);
  assert.equal(alarms.length, definitions.length);
  for (const wanted of definitions) {
    const found = alarms.find(
      ({ AlarmName }) => plain(AlarmName) === `<AWS::StackName>-${wanted.id}`,
    );
    assert.ok(found, wanted.id);
    const {
      Namespace,
      MetricName,
      Statistic,
      Period,
      EvaluationPeriods,
      ComparisonOperator,
      Threshold,
      TreatMissingData,
    } = found;
    assert.deepEqual(
      [
        Namespace,
        MetricName,
        Statistic,
        Period,
        EvaluationPeriods,
        ComparisonOperator,
        Threshold,
        TreatMissingData,
      ],
      [
        wanted.namespace,
        wanted.metric,
        wanted.statistic,
        wanted.periodSeconds,
        wanted.evaluationPeriods,
        wanted.comparison,
        wanted.threshold,
        wanted.missing,
      ],
      wanted.id,
    );
    assert.equal(found.AlarmDescription, wanted.description);
    // Without data, CloudWatch would raise the alarm at the first deployment.
    assert.equal(wanted.warmUp ?? false, wanted.missing === 'breaching', wanted.id);
    assert.deepEqual(
      found.WarmUpConfiguration,
      wanted.warmUp && {
        WarmUpPeriodDurationInMinutes: (wanted.evaluationPeriods * wanted.periodSeconds) / 60,
      },
      wanted.id,
    );
    assert.deepEqual([found.AlarmActions, found.OKActions], [[topic], [topic]], wanted.id);
    assert.deepEqual(
      found.Dimensions.map(({ Name }: any) => Name),
      Object.keys(wanted.dimensions),
    );
  }
});

test('alarms: use the resources of the deployment', () => {
  const { function: deployed, queue, deadLetters } = synthesised;
  const names: Record<string, unknown> = {
    Function: { Ref: deployed.id },
    FunctionName: { Ref: deployed.id },
    RuleName: { Ref: synthesised.one('AWS::Events::Rule').id },
  };
  const queues = [
    queue,
    deadLetters,
    synthesised.one('AWS::SQS::Queue', 'FailedInvocations'),
    synthesised.one('AWS::SQS::Queue', 'SchedulesDeadLetters'),
  ];
  const monitored = new Set<string>();
  for (const { id, Properties } of synthesised.all('AWS::CloudWatch::Alarm')) {
    const [{ Name, Value }, ...others] = Properties.Dimensions;
    assert.equal(others.length, 0, id);
    if (Name === 'QueueName') monitored.add(Value['Fn::GetAtt'][0]);
    else assert.deepEqual(Value, names[Name], id);
  }
  assert.deepEqual([...monitored].sort(), queues.map(({ id }) => id).sort());
});

test('alarms: pages use the page topic if given', () => {
  const [warn, page] = ['warn', 'page'].map(
    (name) => `arn:aws:sns:ca-central-1:123456789012:${name}`,
  );
  const of = new Synthesised({ alarmTopicArn: warn, pageTopicArn: page });
  assert.deepEqual(of.all('AWS::SNS::Topic'), []);
  for (const { id, severity } of definitions) {
    const alarm = of
      .all('AWS::CloudWatch::Alarm')
      .find(({ Properties }) => plain(Properties.AlarmName) === `<AWS::StackName>-${id}`)!;
    assert.deepEqual(alarm.Properties.AlarmActions, [severity === 'page' ? page : warn], id);
  }
});

test('alarms: respect the limits of CloudWatch', () => {
  for (const {
    id,
    periodSeconds,
    evaluationPeriods,
    statistic,
    comparison,
    missing,
    description,
    severity,
  } of definitions) {
    const span = periodSeconds * evaluationPeriods;
    assert.ok(periodSeconds % 60 === 0 && span <= (periodSeconds >= HOUR ? 7 * DAY : DAY), id);
    assert.ok(['Maximum', 'Minimum', 'Sum', 'SampleCount'].includes(statistic), id);
    assert.ok(['GreaterThanOrEqualToThreshold', 'LessThanThreshold'].includes(comparison), id);
    assert.ok(['breaching', 'notBreaching', 'ignore'].includes(missing), id);
    assert.ok(['warn', 'page'].includes(severity), id);
    assert.ok(description.length <= 1024, id);
  }
});

test('alarms: link to a section of the runbook', () => {
  const headings = readFileSync(OPERATIONS, 'utf8')
    .split('\n')
    .flatMap((line) => /^#+ (.*)$/.exec(line)?.[1] ?? []);
  const anchors = headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^a-z0-9 _-]/g, '')
      .replaceAll(' ', '-'),
  );
  for (const { id, description } of definitions) {
    const anchor = /docs\/operations\.md#([a-z-]+)$/.exec(description)?.[1];
    assert.ok(anchor !== undefined && anchors.includes(anchor), `${id}: ${anchor}`);
    assert.ok(
      readFileSync(OPERATIONS, 'utf8').includes(`\`${id}\``),
      `${id} is not named in operations.md`,
    );
  }
});

/** An alarm on missing data must tolerate the normal gaps of its metric. */
test('alarms: missing-data alarms tolerate the schedules', () => {
  const silence = (metric: string) => {
    const { periodSeconds, evaluationPeriods } = definitions.find(
      (alarm) => alarm.metric === metric && alarm.missing === 'breaching',
    )!;
    return periodSeconds * evaluationPeriods;
  };
  const window = settings.schedules.flexibleWindowMinutes.value * 60;
  // A day with a clock change may have 25 hours.
  assert.ok(
    silence('SweepCompleted') > 25 * HOUR + window + settings.function.timeoutSeconds.value,
  );
  assert.ok(silence('SweepCompleted') < 48 * HOUR, 'the replaced key would have expired');
  const [, hours] = /^cron\(0 ([\d,]+) /.exec(settings.schedules.tokenRefreshExpression.value)!;
  const gap = DAY / hours!.split(',').length;
  assert.ok(silence('VaultTokenHoursLeft') > 2 * gap + window);
});

test('alarms: late keys warn at 6 hours and page at 24', () => {
  const thresholds = definitions
    .filter(({ metric }) => metric === 'OldestUnsyncedHours')
    .map(({ severity, threshold }) => [severity, threshold]);
  assert.deepEqual(thresholds, [
    ['page', 24],
    ['warn', 6],
  ]);
});

test('topic: is encrypted, TLS only, for this account', () => {
  const topic = synthesised.one('AWS::SNS::Topic');
  assert.deepEqual(topic.Properties.KmsMasterKeyId, arnOf(synthesised.one('AWS::KMS::Key')));
  const statements = synthesised.one('AWS::SNS::TopicPolicy').Properties.PolicyDocument.Statement;
  const denied = statements.filter(({ Effect }: any) => Effect === 'Deny');
  assert.deepEqual(
    denied.map(({ Condition }: any) => Condition),
    [{ Bool: { 'aws:SecureTransport': 'false' } }],
  );
  const allowed = statements.filter(({ Effect }: any) => Effect === 'Allow');
  assert.equal(allowed.length, 1);
  assert.deepEqual(allowed[0].Principal, { Service: 'cloudwatch.amazonaws.com' });
  assert.equal(
    plain(allowed[0].Condition.ArnLike['aws:SourceArn']),
    'arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:*',
  );
  const subscribed = new Synthesised({ alarmEmails: ['a@b.ca'] }).one(
    'AWS::SNS::Subscription',
  ).Properties;
  assert.deepEqual([subscribed.Protocol, subscribed.Endpoint], ['email', 'a@b.ca']);
});

test('dashboard: shows all alarms and metrics, no overlaps', () => {
  const { widgets } = JSON.parse(
    plain(synthesised.one('AWS::CloudWatch::Dashboard').Properties.DashboardBody),
  );
  const text = JSON.stringify(widgets);
  for (const { id, metric } of definitions)
    (assert.ok(text.includes(`alarm:<AWS::StackName>-${id}"`), id),
      assert.ok(
        text.includes(`"${metric}"`) ||
          ['InvocationsFailedToBeSentToDlq', 'NumberOfEmptyReceives'].includes(metric),
        metric,
      ));
  for (const stat of ['p50', 'p99'])
    assert.ok(
      text.includes(
        `"EventToVaultSeconds","Function","<${synthesised.function.id}>",{"stat":"${stat}"`,
      ),
      stat,
    );
  const taken = new Set<string>();
  for (const { x, y, width, height } of widgets) {
    assert.ok(x + width <= 24);
    for (let column = x; column < x + width; column++) {
      for (let row = y; row < y + height; row++) {
        assert.ok(!taken.has(`${column},${row}`), `two widgets at ${column},${row}`);
        taken.add(`${column},${row}`);
      }
    }
  }
});
