import assert from 'node:assert/strict';
import { test } from 'node:test';
import { permissions, read, type Permission } from '../lib/shared';
import { arnOf, KEY_ARN, plain, Synthesised, type Resource } from './fixture';

const created = new Synthesised();
const given = new Synthesised({ kmsKeyArn: KEY_ARN });
const without = new Synthesised({ createKmsKey: false });

function bucketEncryption(of: Synthesised) {
  return of.one('AWS::S3::Bucket').Properties.BucketEncryption.ServerSideEncryptionConfiguration[0];
}

function policyOf(key: Resource): unknown[] {
  return key.Properties.KeyPolicy.Statement.map(
    ({ Sid, Effect, Principal, Action, Resource, Condition }: any) => ({
      sid: Sid,
      effect: Effect,
      principal: Object.fromEntries(
        Object.entries(Principal).map(([kind, value]) => [kind, plain(value)]),
      ),
      actions: [Action].flat(),
      resource: Resource,
      condition: Condition !== undefined,
    }),
  );
}

test('key: is created, rotated and kept by default', () => {
  for (const of of [created, new Synthesised({ removalPolicy: 'destroy' })]) {
    const key = of.one('AWS::KMS::Key');
    assert.equal(key.Properties.EnableKeyRotation, true);
    assert.equal(key.DeletionPolicy, 'Retain');
  }
  assert.deepEqual(
    [given, without].flatMap((of) => of.all('AWS::KMS::Key')),
    [],
  );
});

test('key policy: contains exactly key-policy.json', () => {
  const values = {
    Partition: '<AWS::Partition>',
    Region: '<AWS::Region>',
    Account: '<AWS::AccountId>',
    CreatedTopic: 'on',
  };
  const statements = (list: Permission[]) =>
    list.map(({ sid, principal, actions, condition }) => ({
      sid,
      effect: 'Allow',
      principal,
      actions,
      resource: '*',
      condition: condition !== undefined,
    }));
  assert.deepEqual(
    policyOf(created.one('AWS::KMS::Key')),
    statements(permissions({ ...values, EncryptedLogs: undefined }, 'key-policy.json')),
  );
  const logs = new Synthesised({ encryptLogs: true });
  assert.deepEqual(
    policyOf(logs.one('AWS::KMS::Key')),
    statements(permissions({ ...values, EncryptedLogs: 'on' }, 'key-policy.json')),
  );
  assert.equal(
    read<Permission[]>('key-policy.json').length,
    policyOf(logs.one('AWS::KMS::Key')).length,
  );
});

test('key policy: names every service that uses the key', () => {
  const services = read<Permission[]>('key-policy.json').flatMap(
    ({ principal }) => principal?.Service ?? [],
  );
  assert.deepEqual(services, [
    'events.amazonaws.com',
    'cloudwatch.amazonaws.com',
    'logs.${Region}.amazonaws.com',
  ]);
});

test('bucket: uses the key with a bucket key', () => {
  for (const [of, key] of [
    [created, arnOf(created.one('AWS::KMS::Key'))],
    [given, KEY_ARN],
  ] as const) {
    assert.deepEqual(bucketEncryption(of), {
      BucketKeyEnabled: true,
      ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key },
    });
  }
  assert.deepEqual(bucketEncryption(without).ServerSideEncryptionByDefault, {
    SSEAlgorithm: 'AES256',
  });
});

test('queues: are encrypted, with the key if there is one', () => {
  for (const [of, key] of [
    [created, arnOf(created.one('AWS::KMS::Key'))],
    [given, KEY_ARN],
  ] as const) {
    assert.equal(of.all('AWS::SQS::Queue').length, 4);
    for (const { id, Properties } of of.all('AWS::SQS::Queue')) {
      assert.deepEqual(
        [Properties.KmsMasterKeyId, Properties.SqsManagedSseEnabled],
        [key, undefined],
        id,
      );
    }
  }
  for (const { id, Properties } of without.all('AWS::SQS::Queue'))
    assert.equal(Properties.SqsManagedSseEnabled, true, id);
});

test('log group: uses the key only on request', () => {
  assert.equal(created.one('AWS::Logs::LogGroup').Properties.KmsKeyId, undefined);
  const logs = new Synthesised({ encryptLogs: true });
  assert.deepEqual(
    logs.one('AWS::Logs::LogGroup').Properties.KmsKeyId,
    arnOf(logs.one('AWS::KMS::Key')),
  );
});
