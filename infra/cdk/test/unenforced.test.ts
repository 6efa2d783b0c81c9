/**
 * Evaluates the statements that the emulator does not enforce (tests/integration/unenforced.json)
 * against the calls that AWS documents. Each call is allowed, each statement and action is needed
 * for one of them, and similar calls are denied.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { permissions, type Permission } from '../lib/shared';
import { KEY_ARN } from './fixture';
import { isAllowed, isDenied, type Call } from './simulation';

const CHECKOUT = path.join(__dirname, '..', '..', '..', '..');
const REGION = 'ca-central-1';
const ACCOUNT = '123456789012';
const BUCKET = 'arn:aws:s3:::state';
const QUEUE = `arn:aws:sqs:${REGION}:${ACCOUNT}:events`;
const FAILURES = `arn:aws:sqs:${REGION}:${ACCOUNT}:failures`;
const LOGS = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:sync`;
const PARAMETER_KEY = KEY_ARN.replace('1111', '9999');
const PARAMETERS = `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter`;
const EARLIER_KEY = KEY_ARN.replace('1111', '8888');
const VPC = 'vpc-0123456789abcdef0';
const FUNCTION = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:sync`;

const values = {
  Partition: 'aws',
  Region: REGION,
  Account: ACCOUNT,
  ParameterPrefix: '/iam_users/',
  ParameterPath: '/iam_users',
  ParameterSuffix: '_keys',
  BucketArn: BUCKET,
  StatePrefix: 'sync-state/',
  TokenKey: 'vault-token.json',
  LegacyStateKey: 'sync-state.json',
  TargetsKey: 'targets.json',
  TableName: 'ROSTER',
  LogGroupArn: LOGS,
  QueueArn: QUEUE,
  FailedInvocationQueueArn: FAILURES,
  KmsKeyArn: KEY_ARN,
  ParameterKeyArn: PARAMETER_KEY,
  EarlierKeyArns: [EARLIER_KEY],
  VpcId: VPC,
};
const statements = [...permissions(values), ...permissions(values, 'network-permissions.json')];
const unenforced = (
  JSON.parse(
    readFileSync(path.join(CHECKOUT, 'tests', 'integration', 'unenforced.json'), 'utf8'),
  ) as { sid: string }[]
).map(({ sid }) => sid);

const via = (service: string, more: Record<string, string> = {}) => ({
  'kms:ViaService': `${service}.${REGION}.amazonaws.com`,
  ...more,
});
const bucketContext = via('s3', { 'kms:EncryptionContext:aws:s3:arn': BUCKET });
const parameterContext = (name: string) =>
  via('ssm', { 'kms:EncryptionContext:PARAMETER_ARN': `${PARAMETERS}${name}` });

/** The calls that AWS makes with the role, by caller. */
const CALLS: Record<string, Call[]> = {
  'mapping: polls the queue and deletes messages': [
    'sqs:ReceiveMessage',
    'sqs:DeleteMessage',
    'sqs:GetQueueAttributes',
  ].map((action) => ({ action, resource: QUEUE })),
  'mapping: receives encrypted messages': [
    { action: 'kms:Decrypt', resource: KEY_ARN, context: via('sqs') },
  ],
  'Lambda: sends failed invocations, encrypted': [
    { action: 'sqs:SendMessage', resource: FAILURES },
    { action: 'kms:GenerateDataKey', resource: KEY_ARN, context: via('sqs') },
  ],
  'Lambda: writes log lines': ['logs:CreateLogStream', 'logs:PutLogEvents'].map((action) => ({
    action,
    resource: `${LOGS}:log-stream:2026/01/01/[$LATEST]0`,
  })),
  'S3: reads and writes encrypted objects': ['kms:Decrypt', 'kms:GenerateDataKey'].map(
    (action) => ({ action, resource: KEY_ARN, context: bucketContext }),
  ),
  'S3: reads objects under an earlier key': [
    { action: 'kms:Decrypt', resource: EARLIER_KEY, context: bucketContext },
  ],
  'mapping: receives messages under an earlier key': [
    { action: 'kms:Decrypt', resource: EARLIER_KEY, context: via('sqs') },
  ],
  'Lambda: finds subnets and releases network interfaces': [
    { action: 'ec2:DescribeSubnets', resource: '*' },
    { action: 'ec2:DescribeNetworkInterfaces', resource: '*' },
    {
      action: 'ec2:DeleteNetworkInterface',
      resource: `arn:aws:ec2:${REGION}:${ACCOUNT}:network-interface/eni-1`,
    },
  ],
  'SSM: decrypts a parameter': [
    {
      action: 'kms:Decrypt',
      resource: PARAMETER_KEY,
      context: parameterContext('/iam_users/jane_keys'),
    },
  ],
};

/** Calls that the role must not allow. */
const DENIED_CALLS: Call[] = [
  { action: 'sqs:ReceiveMessage', resource: FAILURES },
  { action: 'sqs:SendMessage', resource: QUEUE },
  { action: 'sqs:PurgeQueue', resource: QUEUE },
  { action: 'logs:CreateLogGroup', resource: LOGS },
  { action: 'logs:PutLogEvents', resource: `${LOGS}-other:log-stream:x` },
  { action: 'kms:Decrypt', resource: KEY_ARN },
  { action: 'kms:Encrypt', resource: KEY_ARN, context: via('sqs') },
  { action: 'kms:Decrypt', resource: KEY_ARN, context: via('secretsmanager') },
  {
    action: 'kms:Decrypt',
    resource: KEY_ARN,
    context: via('s3', { 'kms:EncryptionContext:aws:s3:arn': `${BUCKET}-other` }),
  },
  { action: 'kms:Decrypt', resource: PARAMETER_KEY, context: parameterContext('/other/jane_keys') },
  { action: 'kms:Decrypt', resource: PARAMETER_KEY, context: via('sqs') },
  { action: 'kms:Decrypt', resource: EARLIER_KEY },
  { action: 'kms:GenerateDataKey', resource: EARLIER_KEY, context: via('sqs') },
];

const allCalls = Object.values(CALLS).flat();

for (const [caller, calls] of Object.entries(CALLS)) {
  test(caller, () => {
    for (const call of calls) assert.ok(isAllowed(statements, call), JSON.stringify(call));
  });
}

test('permissions: every unenforced action is needed', () => {
  for (const sid of unenforced) {
    const statement = statements.find((each) => each.sid === sid);
    assert.ok(statement, `${sid}: unknown statement`);
    if (statement.effect === 'Deny') continue;
    for (const action of statement.actions) {
      const less = statements.map((each): Permission =>
        each === statement
          ? { ...each, actions: each.actions.filter((other) => other !== action) }
          : each,
      );
      assert.ok(
        allCalls.some((call) => !isAllowed(less, call)),
        `${sid}: no call needs ${action}`,
      );
    }
  }
});

test('permissions: similar calls are denied', () => {
  for (const call of DENIED_CALLS) assert.ok(!isAllowed(statements, call), JSON.stringify(call));
});

const ec2 = (kind: string) => `arn:aws:ec2:${REGION}:${ACCOUNT}:${kind}`;
const INTERFACE_ACTIONS = [
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

test('permissions: only Lambda may use network interfaces', () => {
  const only = (sid: string) => statements.filter((each) => each.sid === sid);
  for (const action of INTERFACE_ACTIONS) {
    const call = { action, resource: ec2('network-interface/eni-1') };
    assert.ok(
      isDenied(only('KeepCodeOffNetworkInterfaces'), {
        ...call,
        context: { 'lambda:SourceFunctionArn': FUNCTION },
      }),
      action,
    );
    assert.ok(!isDenied(statements, call), action);
  }
});

test('permissions: network interfaces only in the VPC', () => {
  const create = (resource: string, vpc?: string) => ({
    action: 'ec2:CreateNetworkInterface',
    resource,
    ...(vpc === undefined ? {} : { context: { 'ec2:Vpc': vpc } }),
  });
  const shared = `arn:aws:ec2:${REGION}:999999999999:`;
  assert.ok(!isDenied(statements, create(ec2('subnet/subnet-1'), ec2(`vpc/${VPC}`))));
  assert.ok(!isDenied(statements, create(`${shared}subnet/subnet-1`, `${shared}vpc/${VPC}`)));
  assert.ok(!isDenied(statements, create(ec2('security-group/sg-1'))));
  assert.ok(isDenied(statements, create(ec2('subnet/subnet-2'), ec2('vpc/vpc-0fffffffffffffff0'))));
});
