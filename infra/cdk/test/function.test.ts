import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { environment } from '../lib/shared';
import { arnOf, SCRATCH, Synthesised } from './fixture';

const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const CA_FILE = path.join(SCRATCH, 'ca.pem');
writeFileSync(CA_FILE, CERTIFICATE);

const everything = new Synthesised({
  vaultCaFile: CA_FILE,
  vaultNamespace: 'ns',
  vaultMount: 'kv',
  vaultPathPrefix: 'a/b',
  parameterPrefix: '/p/',
  parameterSuffix: '_s',
  userTable: 'roster',
  logLevel: 'debug',
  onUserDeleted: 'soft-delete',
  userList: ['jane', 'joe'],
  tokenRefreshThresholdHours: 12,
  syncIntervalHours: 20,
  syncConcurrency: 4,
  ssmMaxCallsPerSecond: 5,
});
const synthesised = new Synthesised();

function variables(of: Synthesised): Record<string, unknown> {
  return of.function.Properties.Environment.Variables;
}

test('function: runs a native binary, on arm64 by default', () => {
  const { Runtime, Architectures, Timeout, MemorySize } = synthesised.function.Properties;
  assert.deepEqual(
    [Runtime, Architectures, Timeout, MemorySize],
    ['provided.al2023', ['arm64'], 120, 256],
  );
  const other = new Synthesised({
    architecture: 'x86_64',
    functionTimeoutSeconds: 11,
    memoryMib: 512,
  });
  assert.deepEqual(other.function.Properties.Architectures, ['x86_64']);
  assert.equal(other.function.Properties.Timeout, 11);
  assert.equal(other.function.Properties.MemorySize, 512);
});

test('environment: contains the given inputs', () => {
  assert.deepEqual(variables(everything), {
    VAULT_ADDR: 'https://vault.example.org:8200',
    VAULT_CACERT_BYTES: CERTIFICATE,
    VAULT_NAMESPACE: 'ns',
    VAULT_MOUNT: 'kv',
    VAULT_PATH_PREFIX: 'a/b',
    S3_BUCKET_NAME: { Ref: everything.one('AWS::S3::Bucket').id },
    SSM_PARAMETER_PREFIX: '/p/',
    SSM_PARAMETER_SUFFIX: '_s',
    IAM_USER_TABLE: 'roster',
    LOG_LEVEL: 'debug',
    ON_USER_DELETED: 'soft-delete',
    IAM_USER_LIST: 'jane,joe',
    TOKEN_REFRESH_THRESHOLD_HOURS: '12',
    SYNC_INTERVAL_HOURS: '20',
    SYNC_CONCURRENCY: '4',
    SSM_MAX_CALLS_PER_SECOND: '5',
  });
});

test('environment: omits defaults unless role or rule need them', () => {
  assert.deepEqual(variables(synthesised), {
    VAULT_ADDR: 'https://vault.example.org:8200',
    S3_BUCKET_NAME: { Ref: synthesised.one('AWS::S3::Bucket').id },
    SSM_PARAMETER_PREFIX: '/iam_users/',
    SSM_PARAMETER_SUFFIX: '_keys',
    IAM_USER_TABLE: 'BCGOV_IAM_USER_TABLE',
  });
});

test('environment: is limited to 4096 bytes', () => {
  const props = { vaultNamespace: 'x'.repeat(4096) };
  assert.throws(
    () => new Synthesised(props),
    /expected an environment of at most 4096 bytes, the limit of Lambda; got \d+/,
  );
});

test('environment: contains only settable variables', () => {
  const set = Object.keys(variables(everything));
  for (const name of set) {
    const known = environment.find((variable) => variable.name === name);
    assert.ok(known && !known.secret && !known.reserved, name);
  }
  for (const { name, required } of environment) assert.ok(!required || set.includes(name), name);
});

test('logs: format Text, own group with a retention', () => {
  const group = synthesised.one('AWS::Logs::LogGroup');
  assert.equal(group.Properties.RetentionInDays, 365);
  assert.deepEqual(synthesised.function.Properties.LoggingConfig, {
    LogFormat: 'Text',
    LogGroup: { Ref: group.id },
  });
});

test('asynchronous invocations: retried twice, then queued', () => {
  const { DestinationConfig, FunctionName, MaximumRetryAttempts, MaximumEventAgeInSeconds } =
    synthesised.one('AWS::Lambda::EventInvokeConfig').Properties;
  const failures = synthesised.one('AWS::SQS::Queue', 'FailedInvocations');
  assert.deepEqual(FunctionName, { Ref: synthesised.function.id });
  // The retries continue an incomplete reconcile run.
  assert.deepEqual([MaximumRetryAttempts, MaximumEventAgeInSeconds], [2, 6 * 3600]);
  assert.deepEqual(DestinationConfig, { OnFailure: { Destination: arnOf(failures) } });
});

test('bucket: is private, versioned, encrypted and TLS only', () => {
  const { id, Properties } = synthesised.one('AWS::S3::Bucket');
  assert.deepEqual(Properties.VersioningConfiguration, { Status: 'Enabled' });
  assert.ok(
    Object.values(Properties.PublicAccessBlockConfiguration).every((blocked) => blocked === true),
  );
  assert.equal(Object.keys(Properties.PublicAccessBlockConfiguration).length, 4);
  const [rule] = Properties.BucketEncryption.ServerSideEncryptionConfiguration;
  assert.equal(rule.ServerSideEncryptionByDefault.SSEAlgorithm, 'aws:kms');
  const { Bucket, PolicyDocument } = synthesised.one('AWS::S3::BucketPolicy').Properties;
  assert.deepEqual(Bucket, { Ref: id });
  assert.equal(PolicyDocument.Statement.length, 1);
  assert.equal(PolicyDocument.Statement[0].Effect, 'Deny');
  assert.deepEqual(PolicyDocument.Statement[0].Condition, {
    Bool: { 'aws:SecureTransport': 'false' },
  });
});

test('bucket and logs: are kept unless removalPolicy is destroy', () => {
  const destroyed = new Synthesised({ removalPolicy: 'destroy' });
  for (const type of ['AWS::S3::Bucket', 'AWS::Logs::LogGroup']) {
    assert.equal(synthesised.one(type).DeletionPolicy, 'RetainExceptOnCreate', type);
    assert.equal(destroyed.one(type).DeletionPolicy, 'Delete', type);
  }
});

test('stack: contains no resources that the CDK adds by itself', () => {
  const types = Object.values(
    synthesised.template.toJSON().Resources as Record<string, { Type: string }>,
  );
  const count = (type: string) => types.filter(({ Type }) => Type === type).length;
  assert.equal(count('AWS::Lambda::Function'), 1);
  assert.equal(
    types.filter(({ Type }) => Type.startsWith('Custom::') || Type.includes('CustomResource'))
      .length,
    0,
  );
  assert.equal(count('AWS::Lambda::Permission'), 0);
});

test('outputs: have their documented names', () => {
  const names = [
    ...[
      'AlarmTopicArn',
      'BucketArn',
      'BucketName',
      'DashboardName',
      'DeadLetterQueueArn',
      'DeadLetterQueueUrl',
      'FailedInvocationQueueArn',
      'FailedInvocationQueueUrl',
      'FunctionArn',
      'FunctionName',
      'FunctionRoleArn',
    ],
    ...[
      'KeptWhenDestroyed',
      'KmsKeyArn',
      'LogGroupArn',
      'LogGroupName',
      'QueueArn',
      'QueueUrl',
      'RuleArn',
      'RuleName',
      'ScheduleDeadLetterQueueArn',
      'ScheduleDeadLetterQueueUrl',
      'SweepScheduleName',
    ],
  ];
  assert.deepEqual(Object.keys(synthesised.template.toJSON().Outputs).sort(), names);
});

test('bucket: expires noncurrent versions', () => {
  const { Rules } = synthesised.one('AWS::S3::Bucket').Properties.LifecycleConfiguration;
  const expiry = Rules.filter((rule: any) => rule.NoncurrentVersionExpiration !== undefined);
  assert.deepEqual(
    expiry.map((rule: any) => [rule.Prefix, rule.NoncurrentVersionExpiration.NoncurrentDays]),
    [
      [undefined, 30],
      ['vault-token.json', 1],
    ],
  );
});

test('package: may be an object version in a bucket', () => {
  const { function: deployed } = new Synthesised({
    zip: undefined,
    packageBucket: 'packages',
    packageKey: 'a/b.zip',
    packageVersion: 'v3',
  });
  assert.deepEqual(deployed.Properties.Code, {
    S3Bucket: 'packages',
    S3Key: 'a/b.zip',
    S3ObjectVersion: 'v3',
  });
});

test('function: optional settings are set only on request', () => {
  const { Properties } = synthesised.function;
  for (const name of [
    'ReservedConcurrentExecutions',
    'CodeSigningConfigArn',
    'TracingConfig',
    'VpcConfig',
  ])
    assert.equal(Properties[name], undefined, name);
  const codeSigningConfigArn =
    'arn:aws:lambda:ca-central-1:123456789012:code-signing-config:csc-0123456789abcdef0';
  const permissionsBoundaryArn = 'arn:aws:iam::123456789012:policy/boundary';
  const chosen = new Synthesised({
    reservedConcurrency: 3,
    codeSigningConfigArn,
    permissionsBoundaryArn,
  });
  assert.equal(chosen.function.Properties.ReservedConcurrentExecutions, 3);
  assert.equal(chosen.function.Properties.CodeSigningConfigArn, codeSigningConfigArn);
  for (const { id, Properties: role } of chosen.all('AWS::IAM::Role'))
    assert.equal(role.PermissionsBoundary, permissionsBoundaryArn, id);
});

test('outputs: list what destroy keeps', () => {
  const kept = (of: Synthesised) => of.template.toJSON().Outputs.KeptWhenDestroyed.Value;
  assert.equal(kept(synthesised), 'bucket, log group, KMS key');
  assert.equal(kept(new Synthesised({ removalPolicy: 'destroy', createKmsKey: false })), 'nothing');
});

test('package in a bucket: needs no bootstrap', () => {
  const of = (props: object) => new Synthesised(props).template.toJSON();
  const inBucket = { zip: undefined, packageBucket: 'packages', packageKey: 'a.zip' };
  assert.ok(of({}).Parameters.BootstrapVersion);
  assert.deepEqual([of(inBucket).Parameters, of(inBucket).Rules], [undefined, undefined]);
});

test('log group: may be given', () => {
  const given = new Synthesised({ logGroupName: '/platform/x' });
  assert.deepEqual(given.all('AWS::Logs::LogGroup'), []);
  assert.equal(given.function.Properties.LoggingConfig.LogGroup, '/platform/x');
  assert.equal(given.template.toJSON().Outputs.LogGroupName.Value, '/platform/x');
  assert.match(JSON.stringify(given.all('AWS::IAM::Role')), /:log-group:\/platform\/x:\*/);
});

test('stack, bucket and tags: follow the inputs', () => {
  const given = new Synthesised({
    stackName: 'Keys',
    bucketName: 'given-bucket',
    tags: { Ministry: 'WLRS' },
  });
  assert.equal(given.stack.stackName, 'Keys');
  assert.equal(given.one('AWS::S3::Bucket').Properties.BucketName, 'given-bucket');
  const tag = { Key: 'Ministry', Value: 'WLRS' };
  for (const type of ['Lambda::Function', 'S3::Bucket', 'SQS::Queue', 'IAM::Role', 'KMS::Key'])
    for (const { id, Properties } of given.all(`AWS::${type}`))
      assert.deepEqual(Properties.Tags, [tag], id);
});
