import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import type { App } from 'aws-cdk-lib';
import { permissions } from '../lib/shared';
import { arnOf, IN_VPC, KEY_ARN, plain, SCRATCH, Synthesised, type Resource } from './fixture';
import { isAllowed } from './simulation';

const TEXT = '{"parameters": []}\n';
const FILE = path.join(SCRATCH, 'my targets.json');
writeFileSync(FILE, TEXT);

const COPY = 'CustomCDKBucketDeployment';
// Without a bootstrap, assets are in the bucket of the package.
const IN_BUCKET = { zip: undefined, packageBucket: 'packages', packageKey: 'function.zip' };
const synthesised = new Synthesised({ targetsFile: FILE, ...IN_BUCKET });

function deployment(of: Synthesised): Resource {
  return of.one('Custom::CDKBucketDeployment');
}

function copyFunction(of: Synthesised): Resource {
  return of.one('AWS::Lambda::Function', COPY);
}

function role(of: Synthesised): Resource {
  return of.one('AWS::IAM::Role', copyFunction(of).Properties.Role['Fn::GetAtt'][0]);
}

/** Returns the folder of the deployed asset. */
function assetOf(of: Synthesised): string {
  const [key] = deployment(of).Properties.SourceObjectKeys as string[];
  const { outdir } = of.stack.node.root as App;
  return path.join(outdir, `asset.${path.basename(key!, '.zip')}`);
}

test('targets: without a file, nothing is stored', () => {
  const without = new Synthesised();
  assert.deepEqual(without.all('Custom::CDKBucketDeployment'), []);
  assert.equal(without.all('AWS::Lambda::Function').length, 1);
});

test('targets: the file is stored as the object that the function reads', () => {
  const { Properties } = deployment(synthesised);
  assert.deepEqual(Properties.DestinationBucketName, {
    Ref: synthesised.one('AWS::S3::Bucket').id,
  });
  assert.equal(Properties.DestinationBucketKeyPrefix, undefined);
  assert.deepEqual(Properties.SystemMetadata, { 'content-type': 'application/json' });
  const folder = assetOf(synthesised);
  assert.deepEqual(readdirSync(folder), ['targets.json']);
  assert.equal(readFileSync(path.join(folder, 'targets.json'), 'utf8'), TEXT);
});

test('targets: a changed file is deployed', () => {
  const other = path.join(SCRATCH, 'other.json');
  writeFileSync(other, '{"parameters": [], "merge": false}');
  const key = (of: Synthesised) => deployment(of).Properties.SourceObjectKeys;
  const changed = new Synthesised({ targetsFile: other, ...IN_BUCKET });
  assert.notDeepEqual(key(changed), key(synthesised));
});

test('targets: no object is ever deleted', () => {
  const { Prune, RetainOnDelete } = deployment(synthesised).Properties;
  assert.deepEqual([Prune, RetainOnDelete], [false, true]);
});

test('targets: are stored before the function is created or changed', () => {
  const sync = synthesised.one('AWS::Lambda::Function', 'SyncFunction');
  assert.ok(sync.DependsOn!.includes(deployment(synthesised).id));
});

test('targets role: has exactly the shared statements', () => {
  const [policy, ...others] = role(synthesised).Properties.Policies;
  assert.equal(others.length, 0);
  const expected = permissions(
    {
      Region: '<AWS::Region>',
      AssetBucketArn: 'arn:<AWS::Partition>:s3:::packages',
      BucketArn: `<${synthesised.one('AWS::S3::Bucket').id}.Arn>`,
      TargetsKey: 'targets.json',
      KmsKeyArn: `<${synthesised.one('AWS::KMS::Key').id}.Arn>`,
      LogGroupArn:
        'arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:' +
        `<${synthesised.one('AWS::Logs::LogGroup').id}>`,
    },
    'targets-permissions.json',
  );
  assert.deepEqual(
    policy.PolicyDocument.Statement.map(({ Sid, Effect, Action, Resource }: any) => ({
      sid: Sid,
      effect: Effect,
      actions: [Action].flat(),
      resources: [Resource].flat().map(plain),
    })),
    expected.map(({ sid, actions, resources }) => ({ sid, effect: 'Allow', actions, resources })),
  );
  assert.deepEqual(synthesised.all('AWS::IAM::Policy'), []);
  assert.equal(role(synthesised).Properties.ManagedPolicyArns, undefined);
});

test('targets role: reads and deletes nothing of the bucket', () => {
  const [bucket, key] = ['arn:aws:s3:::state', KEY_ARN];
  const values = {
    Region: 'ca-central-1',
    AssetBucketArn: 'arn:aws:s3:::assets',
    BucketArn: bucket,
    TargetsKey: 'targets.json',
    KmsKeyArn: key,
    LogGroupArn: 'arn:aws:logs:ca-central-1:123456789012:log-group:sync',
  };
  const statements = permissions(values, 'targets-permissions.json');
  const via = { 'kms:ViaService': 's3.ca-central-1.amazonaws.com' };
  const context = { ...via, 'kms:EncryptionContext:aws:s3:arn': bucket };
  for (const call of [
    { action: 's3:GetObject', resource: 'arn:aws:s3:::assets/1.zip' },
    { action: 's3:ListBucket', resource: bucket },
    { action: 's3:PutObject', resource: `${bucket}/targets.json` },
    { action: 'kms:GenerateDataKey', resource: key, context },
  ])
    assert.ok(isAllowed(statements, call), JSON.stringify(call));
  for (const call of [
    { action: 's3:GetObject', resource: `${bucket}/vault-token.json` },
    { action: 's3:GetObject', resource: `${bucket}/targets.json` },
    { action: 's3:PutObject', resource: `${bucket}/vault-token.json` },
    { action: 's3:PutObject', resource: `${bucket}/sync-state/users/jane.json` },
    { action: 's3:DeleteObject', resource: `${bucket}/targets.json` },
    { action: 'kms:GenerateDataKey', resource: key, context: via },
    { action: 'kms:Decrypt', resource: key, context },
  ])
    assert.ok(!isAllowed(statements, call), JSON.stringify(call));
});

test('targets role: has no KMS without a key, path and boundary if given', () => {
  const boundary = 'arn:aws:iam::123456789012:policy/boundary';
  const of = new Synthesised({
    targetsFile: FILE,
    createKmsKey: false,
    rolePath: '/service/',
    permissionsBoundaryArn: boundary,
  });
  const { Policies, Path, PermissionsBoundary } = role(of).Properties;
  assert.doesNotMatch(JSON.stringify(Policies), /kms/);
  assert.deepEqual([Path, PermissionsBoundary], ['/service/', boundary]);
  const key = new Synthesised({ targetsFile: FILE, kmsKeyArn: KEY_ARN });
  assert.match(JSON.stringify(role(key).Properties.Policies), new RegExp(KEY_ARN));
});

test('targets function: shares the log group, is tagged and outside of the VPC', () => {
  const of = new Synthesised({ ...IN_VPC, targetsFile: FILE, tags: { Ministry: 'WLRS' } });
  const { LoggingConfig, Tags, VpcConfig } = copyFunction(of).Properties;
  assert.deepEqual(LoggingConfig.LogGroup, { Ref: of.one('AWS::Logs::LogGroup').id });
  assert.deepEqual(Tags, [{ Key: 'Ministry', Value: 'WLRS' }]);
  assert.equal(VpcConfig, undefined);
  const given = new Synthesised({ targetsFile: FILE, logGroupName: '/platform/sync' });
  assert.equal(copyFunction(given).Properties.LoggingConfig.LogGroup, '/platform/sync');
});

test('targets: the policies of bucket and key stay the same', () => {
  const without = new Synthesised();
  const statements = (of: Synthesised) => [
    of.one('AWS::S3::BucketPolicy').Properties.PolicyDocument,
    of.one('AWS::KMS::Key').Properties.KeyPolicy,
  ];
  assert.deepEqual(statements(new Synthesised({ targetsFile: FILE })), statements(without));
});

test('targets role: a given role of the function is not changed', () => {
  const given = 'arn:aws:iam::123456789012:role/function';
  const of = new Synthesised({ targetsFile: FILE, functionRoleArn: given });
  assert.equal(of.one('AWS::Lambda::Function', 'SyncFunction').Properties.Role, given);
  assert.deepEqual(copyFunction(of).Properties.Role, arnOf(role(of)));
});
