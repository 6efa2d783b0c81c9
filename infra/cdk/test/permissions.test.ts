import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_ROSTER } from '../lib/props';
import {
  managedPolicies,
  permissions,
  read,
  type ManagedPolicy,
  type Permission,
} from '../lib/shared';
import { IN_VPC, KEY_ARN, plain, Synthesised, type Resource } from './fixture';

interface Deployment {
  path: string;
  suffix: string;
  table?: string;
  key?: string;
  parameterKey?: string;
  earlierKeys?: string[];
}
const USUAL = { path: '/iam_users', suffix: '_keys', table: 'BCGOV_IAM_USER_TABLE' };

/** Returns `permissions.json`, filled with the template's references as `plain` formats them. */
function expected(synthesised: Synthesised, deployment: Deployment): Permission[] {
  const arn = (resource: Resource) => `<${resource.id}.Arn>`;
  const account = '<AWS::Region>:<AWS::AccountId>';
  const [key] = synthesised.all('AWS::KMS::Key');
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
    TargetsKey: 'targets.json',
    TableName: deployment.table,
    LogGroupArn: `arn:<AWS::Partition>:logs:${account}:log-group:<${synthesised.one('AWS::Logs::LogGroup').id}>`,
    QueueArn: arn(synthesised.queue),
    FailedInvocationQueueArn: arn(synthesised.one('AWS::SQS::Queue', 'FailedInvocations')),
    KmsKeyArn: deployment.key ?? (key && arn(key)),
    ParameterKeyArn: deployment.parameterKey,
    EarlierKeyArns: deployment.earlierKeys,
  });
}

function granted(synthesised: Synthesised): unknown[] {
  const [policy, ...others] = functionRole(synthesised).Properties.Policies;
  assert.equal(others.length, 0);
  return policy.PolicyDocument.Statement.map((statement: any) => ({
    effect: statement.Effect,
    sid: statement.Sid,
    actions: [statement.Action].flat(),
    resources: [statement.Resource].flat().map(plain),
    condition: condition(statement.Condition),
  }));
}

function condition(given: any): unknown {
  if (given === undefined) return undefined;
  const operator = (keys: any) =>
    Object.fromEntries(
      Object.entries(keys).map(([key, values]: any) => [key, [values].flat().map(plain)]),
    );
  return Object.fromEntries(Object.entries(given).map(([name, keys]) => [name, operator(keys)]));
}

function functionRole(synthesised: Synthesised): Resource {
  const id = synthesised.function.Properties.Role['Fn::GetAtt'][0];
  return synthesised.one('AWS::IAM::Role', id);
}

function statements(list: Permission[]): unknown[] {
  return list.map(({ sid, effect, actions, resources, condition: given }) => ({
    effect: effect ?? 'Allow',
    sid,
    actions,
    resources,
    condition: given,
  }));
}

test('function role: has exactly the shared statements', () => {
  const synthesised = new Synthesised();
  assert.deepEqual(granted(synthesised), statements(expected(synthesised, USUAL)));
});

test('function role: follows prefix, suffix and table', () => {
  const synthesised = new Synthesised({
    parameterPrefix: '/a/b/',
    parameterSuffix: '.k',
    userTable: 'roster',
  });
  const deployment = { path: '/a/b', suffix: '.k', table: 'roster' };
  assert.deepEqual(granted(synthesised), statements(expected(synthesised, deployment)));
});

test('function role: has no DynamoDB without a roster', () => {
  const synthesised = new Synthesised({ userTable: NO_ROSTER });
  assert.deepEqual(
    granted(synthesised),
    statements(expected(synthesised, { ...USUAL, table: undefined })),
  );
  assert.doesNotMatch(JSON.stringify(granted(synthesised)), /dynamodb/);
});

test('function role: has no KMS without a key', () => {
  const synthesised = new Synthesised({ createKmsKey: false });
  assert.deepEqual(granted(synthesised), statements(expected(synthesised, USUAL)));
  assert.doesNotMatch(JSON.stringify(granted(synthesised)), /kms/);
});

test('function role: uses given keys only through services', () => {
  const parameterKey = KEY_ARN.replace('1111', '9999');
  const synthesised = new Synthesised({ kmsKeyArn: KEY_ARN, parameterKmsKeyArn: parameterKey });
  const all = expected(synthesised, { ...USUAL, key: KEY_ARN, parameterKey });
  assert.deepEqual(granted(synthesised), statements(all));
  const ofKms = all.filter(({ actions }) => actions.some((action) => action.startsWith('kms:')));
  assert.equal(ofKms.length, 3);
  for (const { sid, condition: given } of ofKms)
    assert.match(
      given!.StringEquals!['kms:ViaService']![0]!,
      /^(s3|sqs|ssm)\.<AWS::Region>\.amazonaws\.com$/,
      sid,
    );
});

test('function role: only decrypts with earlier keys', () => {
  const earlierKeys = [KEY_ARN.replace('1111', '8888'), KEY_ARN.replace('1111', '9999')];
  const synthesised = new Synthesised({ kmsKeyArn: KEY_ARN, earlierKmsKeyArns: earlierKeys });
  const all = expected(synthesised, { ...USUAL, key: KEY_ARN, earlierKeys });
  assert.deepEqual(granted(synthesised), statements(all));
  const ofEarlier = all.filter(({ resources }) => resources.includes(earlierKeys[0]!));
  assert.equal(ofEarlier.length, 2);
  for (const { actions, resources } of ofEarlier)
    assert.deepEqual([actions, resources], [['kms:Decrypt'], earlierKeys]);
});

test('roles: may be given, and get no policy', () => {
  const role = (name: string) => `arn:aws:iam::123456789012:role/${name}`;
  const given = new Synthesised({
    ...IN_VPC,
    functionRoleArn: role('function'),
    schedulerRoleArn: role('scheduler'),
  });
  for (const type of ['AWS::IAM::Role', 'AWS::IAM::Policy'])
    assert.deepEqual(given.all(type), [], type);
  assert.equal(given.function.Properties.Role, role('function'));
  for (const { Properties } of given.all('AWS::Scheduler::Schedule'))
    assert.equal(Properties.Target.RoleArn, role('scheduler'));
});

test('roles: have the path', () => {
  const roles = new Synthesised({ rolePath: '/service/' }).all('AWS::IAM::Role');
  assert.deepEqual(
    roles.map(({ Properties }) => Properties.Path),
    ['/service/', '/service/'],
  );
});

test('function role: denies network interfaces to its code', () => {
  const synthesised = new Synthesised(IN_VPC);
  assert.deepEqual(granted(synthesised), statements(expected(synthesised, USUAL)));
  const policy = synthesised.one('AWS::IAM::Policy').Properties;
  assert.deepEqual(policy.Roles, [{ Ref: functionRole(synthesised).id }]);
  assert.deepEqual(
    policy.PolicyDocument.Statement.map(({ Effect, Sid }: any) => `${Effect} ${Sid}`),
    [
      'Allow FindSubnetsAndNetworkInterfaces',
      'Allow ReleaseNetworkInterfaces',
      'Deny KeepCodeOffNetworkInterfaces',
      'Deny KeepNetworkInterfacesInVpc',
    ],
  );
  const managed = 'arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaENIManagementAccess';
  assert.deepEqual(functionRole(synthesised).Properties.ManagedPolicyArns.map(plain), [managed]);
});

test('function role: has managed policies only if required', () => {
  const traced = new Synthesised({ tracing: true });
  assert.deepEqual(functionRole(traced).Properties.ManagedPolicyArns.map(plain), [
    'arn:<AWS::Partition>:iam::aws:policy/AWSXRayDaemonWriteAccess',
  ]);
  assert.deepEqual(managedPolicies({ Partition: 'aws' }), []);
  assert.equal(read<ManagedPolicy[]>('managed-policies.json').length, 2);
});

test('roles: have only inline policies by default', () => {
  const synthesised = new Synthesised();
  for (const type of ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy', 'AWS::IAM::RolePolicy']) {
    assert.deepEqual(synthesised.all(type), [], type);
  }
  const roles = synthesised.all('AWS::IAM::Role');
  assert.equal(roles.length, 2);
  for (const role of roles) assert.equal(role.Properties.ManagedPolicyArns, undefined, role.id);
});

test('function role: trusts only Lambda', () => {
  const trust = functionRole(new Synthesised()).Properties.AssumeRolePolicyDocument.Statement;
  assert.deepEqual(trust, [
    { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'lambda.amazonaws.com' } },
  ]);
});

test('permissions: contain no bare wildcard', () => {
  const files = ['permissions', 'network-permissions', 'schedule-permissions', 'targets-permissions'];
  for (const file of files) {
    for (const { sid, actions, resources, why } of read<Permission[]>(`${file}.json`)) {
      // EC2 supports its Describe actions for all resources only.
      const describes = actions.every((action) => action.startsWith('ec2:Describe'));
      assert.ok(
        resources.length > 0 &&
          resources.every(
            (arn) =>
              /^(arn:\$\{Partition\}:[a-z0-9]+:|\$\{[A-Za-z]+Arns?\})/.test(arn) ||
              (describes && arn === '*'),
          ),
        sid,
      );
      assert.ok(
        actions.every((action) => /^[a-z0-9]+:[A-Za-z]+$/.test(action)),
        sid,
      );
      assert.ok(why.length > 10, sid);
    }
  }
  const everything = new Synthesised({ ...IN_VPC, tracing: true, parameterKmsKeyArn: KEY_ARN });
  for (const { id, Properties } of everything.all('AWS::IAM::Role')) {
    for (const { PolicyDocument } of Properties.Policies) {
      for (const { Sid, Resource: resources } of PolicyDocument.Statement) {
        assert.ok(
          [resources]
            .flat()
            .map(plain)
            .every((arn) => /[:>]/.test(arn)),
          `${id}, ${Sid}`,
        );
      }
    }
  }
});
