import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_ROSTER } from '../lib/props';
import { permissions, type Permission } from '../lib/shared';
import { Synthesised, type Resource } from './fixture';

/** `permissions.json`, filled with the template's own references in the form that `plain` gives them. */
function expected(synthesised: Synthesised, deployment: { path: string; suffix: string; table?: string }): Permission[] {
  const arn = (resource: Resource) => `<${resource.id}.Arn>`;
  const account = '<AWS::Region>:<AWS::AccountId>';
  return permissions({
    Partition: '<AWS::Partition>',
    Region: '<AWS::Region>',
    Account: '<AWS::AccountId>',
    ParameterPath: deployment.path,
    ParameterPrefix: `${deployment.path}/`,
    ParameterSuffix: deployment.suffix,
    BucketArn: arn(synthesised.one('AWS::S3::Bucket')),
    StatePrefix: 'sync-state/',
    TokenKey: 'vault-token.json',
    LegacyStateKey: 'sync-state.json',
    TableName: deployment.table,
    LogGroupArn: `arn:<AWS::Partition>:logs:${account}:log-group:<${synthesised.one('AWS::Logs::LogGroup').id}>`,
    QueueArn: arn(synthesised.queue),
    FailedInvocationQueueArn: arn(synthesised.one('AWS::SQS::Queue', 'FailedInvocations')),
  });
}

/** A value of the template as text, with references in angle brackets. */
function plain(value: any): string {
  if (typeof value === 'string') return value;
  if (value['Fn::Join']) return value['Fn::Join'][1].map(plain).join(value['Fn::Join'][0]);
  if (value['Fn::GetAtt']) return `<${value['Fn::GetAtt'].join('.')}>`;
  return `<${value.Ref}>`;
}

function granted(synthesised: Synthesised): unknown[] {
  const [policy, ...others] = functionRole(synthesised).Properties.Policies;
  assert.equal(others.length, 0);
  return policy.PolicyDocument.Statement.map((statement: any) => ({
    effect: statement.Effect,
    sid: statement.Sid,
    actions: [statement.Action].flat(),
    resources: [statement.Resource].flat().map(plain),
    condition: statement.Condition,
  }));
}

function functionRole(synthesised: Synthesised): Resource {
  const id = synthesised.function.Properties.Role['Fn::GetAtt'][0];
  return synthesised.one('AWS::IAM::Role', id);
}

function statements(list: Permission[]): unknown[] {
  return list.map(({ sid, actions, resources, condition }) => ({ effect: 'Allow', sid, actions, resources, condition }));
}

test('the function may do exactly what permissions.json says', () => {
  const synthesised = new Synthesised();
  const deployment = { path: '/iam_users', suffix: '_keys', table: 'BCGOV_IAM_USER_TABLE' };
  assert.deepEqual(granted(synthesised), statements(expected(synthesised, deployment)));
});

test('another prefix, suffix and table move the permissions', () => {
  const synthesised = new Synthesised({ parameterPrefix: '/a/b/', parameterSuffix: '.k', userTable: 'roster' });
  const deployment = { path: '/a/b', suffix: '.k', table: 'roster' };
  assert.deepEqual(granted(synthesised), statements(expected(synthesised, deployment)));
});

test('without a roster the function may not read DynamoDB', () => {
  const synthesised = new Synthesised({ userTable: NO_ROSTER });
  const deployment = { path: '/iam_users', suffix: '_keys' };
  assert.deepEqual(granted(synthesised), statements(expected(synthesised, deployment)));
  assert.doesNotMatch(JSON.stringify(granted(synthesised)), /dynamodb/);
});

test('no policy stands outside the roles, and no role has a managed policy', () => {
  const synthesised = new Synthesised();
  for (const type of ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy', 'AWS::IAM::RolePolicy']) {
    assert.deepEqual(synthesised.all(type), [], type);
  }
  const roles = synthesised.all('AWS::IAM::Role');
  assert.equal(roles.length, 2);
  for (const role of roles) assert.equal(role.Properties.ManagedPolicyArns, undefined, role.id);
});

test('only Lambda may assume the role, and no statement is for every resource or every action', () => {
  const synthesised = new Synthesised();
  const trust = functionRole(synthesised).Properties.AssumeRolePolicyDocument.Statement;
  assert.deepEqual(trust, [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'lambda.amazonaws.com' } }]);
  for (const { sid, actions, resources } of expected(synthesised, { path: '/p', suffix: 's', table: 'ttt' })) {
    assert.ok(resources.every((arn) => arn !== '*' && /[:>]/.test(arn)), sid);
    assert.ok(actions.every((action) => !action.includes('*')), sid);
  }
});
