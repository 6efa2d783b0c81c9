import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { ContextError, readContext } from '../lib/context';
import { IamKeySyncStack } from '../lib/stack';
import { IN_VPC, KEY_ARN, LOGIN, SCRATCH, scratchApp, ZIP } from './fixture';

const NEEDED = { zip: ZIP, vaultAddr: 'https://vault.example.org:8200' };
const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----';

function problems(context: Record<string, unknown>): readonly string[] {
  try {
    readContext(context);
  } catch (error) {
    if (error instanceof ContextError) return error.problems;
    throw error;
  }
  return [];
}

function file(name: string, content: string | Buffer): string {
  const target = path.join(SCRATCH, name);
  writeFileSync(target, content);
  return target;
}

test('context: requires only the zip and the address of Vault', () => {
  assert.deepEqual(readContext(NEEDED), NEEDED);
});

test('context: accepts text and the typed values of cdk.json', () => {
  const text = {
    memoryMib: '512',
    tracing: 'true',
    encryptLogs: 'false',
    userList: 'jane, joe',
    alarmEmails: '',
  };
  const values = {
    memoryMib: 512,
    tracing: true,
    encryptLogs: false,
    userList: ['jane', 'joe'],
    alarmEmails: [],
  };
  assert.deepEqual(readContext({ ...NEEDED, ...text }), { ...NEEDED, ...values });
  assert.deepEqual(readContext({ ...NEEDED, ...values }), { ...NEEDED, ...values });
});

test('context: reports all problems with key and expectation', () => {
  const found = problems({
    zip: ZIP,
    vaultAddr: 'http://vault.example.org',
    vaultMount: 'se cret',
    parameterPrefix: 'iam_users',
    tracing: 'yes',
    maxConcurrency: '1',
    logLevel: 'loud',
    vaultPathPrefx: 'x',
  });
  const expected = [
    /^vaultPathPrefx: unknown key; expected one of .*vaultPathPrefix/,
    /^vaultAddr: expected https:.*; http only for a loopback host; got "http:\/\/vault\.example\.org"$/,
    /^vaultMount: expected segments of letters, .*; got "se cret"$/,
    /^parameterPrefix: expected .*starts and ends with a slash.*; got "iam_users"$/,
    /^tracing: expected true or false; got "yes"$/,
    /^logLevel: expected error or warn or info or debug or trace; got "loud"$/,
    /^maxConcurrency: expected a whole number from 2 to 1000; got 1$/,
  ];
  assert.equal(found.length, expected.length, found.join('\n'));
  expected.forEach((pattern, index) => assert.match(found[index]!, pattern));
});

test('context: rejects the names of Terraform', () => {
  const found = problems({ ...NEEDED, kms_key_arn: KEY_ARN, queue_delay: '0', vpc2: 'x' });
  assert.equal(found.length, 3, found.join('\n'));
  assert.equal(found[0], 'kms_key_arn: unknown key; expected kmsKeyArn');
  assert.match(found[1]!, /^queue_delay: unknown key; expected one of zip, /);
  assert.match(found[2]!, /^vpc2: unknown key; expected one of zip, /);
});

/** Values that the function or AWS accepts and rejects, by key. */
const ROWS: Record<string, { good: string[]; bad: string[]; with?: Record<string, unknown> }> = {
  vaultAddr: {
    good: [
      'https://v',
      'https://v/',
      'https://v:8200',
      'https://10.1.2.30:8200',
      'https://vault.2b',
      'https://[fd00::1]:8200',
      'http://127.0.0.1:8200',
      'http://localhost',
      'http://[::1]:8200',
    ],
    bad: [
      ...[
        '',
        'vault:8200',
        'ftp://v',
        'http://vault.example.org',
        'http://127.example.org',
        'http://[::2]',
        'http://0.0.0.0',
        'https://v:99999',
        'https://10.1.2.300:8200',
        'https://vault.300',
        'https://[fd00:::1]',
      ],
      ...[
        'https://u:p@v',
        'https://u@v',
        'https://v/ui',
        'https://v//',
        'https://v?x=1',
        'https://v?',
        'https://v#x',
        'https://v #',
      ],
    ],
  },
  vaultMount: {
    good: ['secret', 'team/kv', '/secret/', 'kv-v2_a.b', '...'],
    bad: ['', '/', 'a//b', '.', '..', 'a/../b', 'a/.', 'se cret', 'a?b', 'a%2fb', 'é'],
  },
  vaultPathPrefix: {
    good: ['aws/iam-keys', 'aws', 'aws/iam-keys/'],
    bad: ['', 'aws//iam-keys', '../aws', 'aws/..', 'aws/+', 'aws/*'],
  },
  vaultNamespace: { good: ['team/a', 'admin'], bad: ['', 'te am', 'té', 'a\nb'] },
  vaultAuthMethod: { good: ['token'], bad: ['', 'AWS', 'kubernetes'] },
  vaultAuthRole: {
    good: ['iam-key-sync', 'a', 'team_1.keys'],
    bad: ['', '-keys', 'keys.', 'a/b', 'a b', 'é'],
    with: { vaultAuthMethod: 'aws' },
  },
  vaultAuthMount: {
    good: ['aws', 'team/aws', '/aws/'],
    bad: ['', '/', 'a//b', '../aws', 'a b'],
    with: LOGIN,
  },
  vaultAuthAwsRegion: {
    good: ['ca-central-1', 'us-gov-west-1'],
    bad: ['', 'ca_central_1', '-a', 'a-', 'a.example.org', 'CA-CENTRAL-1'],
    with: LOGIN,
  },
  vaultAuthAwsServerId: { good: ['vault.example.org'], bad: ['', 'a b', 'é'], with: LOGIN },
  parameterPrefix: {
    good: ['/iam_users/', '/iam-users/', '/a/b.c/'],
    bad: ['', '/', '//', 'iam_users/', '/iam_users', '/a//b/', '/iam users/', '/a*/'],
  },
  parameterSuffix: { good: ['_keys', '.k', '-'], bad: ['', '/keys', '_keys/', '_ke ys', '*'] },
  userList: { good: ['', 'jane', 'jane,joe'], bad: ['ja ne', 'jane,,joe', 'jo@x', '.', 'jane,..'] },
  functionTimeoutSeconds: { good: ['10', '900'], bad: ['9', '901', '1e2', '10.5', ''] },
  queueVisibilitySeconds: { good: ['121', '1800'], bad: ['1', '1801', '43200'] },
  logRetentionDays: { good: ['1', '3653'], bad: ['2', '0', 'never'] },
  kmsKeyArn: { good: [KEY_ARN], bad: ['', 'alias/key', KEY_ARN.replace('key/', 'alias/')] },
  sweepSchedule: { good: ['cron(0 4 * * ? *)', 'rate(1 day)'], bad: ['', '0 4 * * *'] },
  vaultCidrs: {
    good: ['10.0.0.0/8', '10.1.2.3/32,10.1.2.4/32'],
    bad: [
      ...['10.0.0.0', '10.0.0.0/33', '10.0.0.256/32', 'fd00::/8'],
      ...['10.1.2.3/16', '10.0.0.0/16,10.2.0.128/24', '10.01.0.0/16', '10.0.0.0/08'],
    ],
    with: IN_VPC,
  },
  earlierKmsKeyArns: { good: [KEY_ARN, `${KEY_ARN},${KEY_ARN}0`], bad: ['alias/key'] },
  queueDelaySeconds: { good: ['0', '900'], bad: ['901', '-1', '0.5'] },
  enabled: { good: ['true', 'false'], bad: ['no', ''] },
  tags: { good: ['', 'A=1', 'A=1, B=x=y'], bad: ['A', 'A=1,B'] },
  rolePath: { good: ['/', '/service/'], bad: ['', 'service', '/service'] },
  stackName: { good: ['Keys-2'], bad: ['', '2', 'a_b'] },
  bucketName: { good: ['keys.2'], bad: ['Keys', 'k'] },
  logGroupName: { good: ['/aws/lambda/x'], bad: ['', 'a b'] },
  vpcId: { good: ['vpc-0123abcd'], bad: ['vpc-', 'subnet-0123abcd'], with: IN_VPC },
};

for (const [key, { good, bad, with: others }] of Object.entries(ROWS)) {
  test(`${key}: accepts only valid values`, () => {
    for (const value of good)
      assert.deepEqual(problems({ ...NEEDED, ...others, [key]: value }), [], value);
    for (const value of bad) {
      const found = problems({ ...NEEDED, ...others, [key]: value });
      assert.equal(found.length, 1, `${value}: ${found.join('; ')}`);
      assert.match(found[0]!, new RegExp(`^${key}: expected `), value);
    }
  });
}

const TOPIC = 'arn:aws:sns:ca-central-1:123456789012:alarms';
/** Contexts that break a rule between inputs. */
const CONTRADICTIONS: [name: string, context: Record<string, unknown>, problem: RegExp][] = [
  ['no package', { zip: undefined }, /^zip: expected exactly one of zip and packageBucket$/],
  ['two packages', { packageBucket: 'bucket', packageKey: 'key' }, /^zip: expected exactly one/],
  ['half a package', { zip: undefined, packageBucket: 'bucket' }, /^packageKey: expected both/],
  [
    'a version without a package bucket',
    { packageVersion: '1' },
    /^packageVersion: expected only with packageBucket$/,
  ],
  [
    'a login without a role',
    { vaultAuthMethod: 'aws' },
    /^vaultAuthRole: expected with vaultAuthMethod=aws$/,
  ],
  ...Object.entries({
    vaultAuthRole: 'keys',
    vaultAuthMount: 'aws',
    vaultAuthAwsRegion: 'ca-central-1',
    vaultAuthAwsServerId: 'vault.example.org',
  }).map(([key, value]): [string, Record<string, unknown>, RegExp] => [
    `${key} without a login`,
    { vaultAuthMethod: 'token', [key]: value },
    new RegExp(`^${key}: expected only with vaultAuthMethod=aws$`),
  ]),
  [
    'a visibility timeout that is too short',
    { queueVisibilitySeconds: '120' },
    /^queueVisibilitySeconds: expected more than functionTimeoutSeconds \(120\)/,
  ],
  [
    'no capacity for a reconcile run',
    { reservedConcurrency: '5', maxConcurrency: '5' },
    /^reservedConcurrency: expected more than maxConcurrency \(5\)/,
  ],
  [
    'a VPC without Vault',
    { vpcId: IN_VPC.vpcId, subnetIds: IN_VPC.subnetIds, endpointCidrs: ['10.0.0.0/8'] },
    /^vpcId: expected all of vpcId, subnetIds and vaultCidrs/,
  ],
  [
    'endpoints without a VPC',
    { endpointCidrs: ['10.0.0.0/8'] },
    /^endpointCidrs: expected only with vpcId$/,
  ],
  [
    'a VPC without AWS',
    { ...IN_VPC, endpointPrefixListIds: [], endpointSecurityGroupIds: [] },
    /^vpcId: expected at least one of endpointCidrs/,
  ],
  [
    'a gateway without routes',
    { ...IN_VPC, vpcEndpoints: ['s3'] },
    /^vpcEndpoints: expected routeTableIds and endpointPrefixListIds with s3$/,
  ],
  [
    'encrypted logs without a key',
    { encryptLogs: 'true', createKmsKey: 'false' },
    /^encryptLogs: expected a key; set kmsKeyArn/,
  ],
  [
    'subscriptions to a given topic',
    { alarmTopicArn: TOPIC, alarmEmails: 'a@b' },
    /^alarmEmails: expected only without alarmTopicArn$/,
  ],
];

for (const [name, context, problem] of CONTRADICTIONS) {
  test(`context: rejects ${name}`, () => {
    const found = problems({ ...NEEDED, ...context });
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0]!, problem);
  });
}

test('context: accepts values that satisfy the rules', () => {
  assert.deepEqual(
    problems({ ...NEEDED, functionTimeoutSeconds: '10', queueVisibilitySeconds: '11' }),
    [],
  );
  assert.deepEqual(problems({ ...NEEDED, reservedConcurrency: '6', maxConcurrency: '5' }), []);
  assert.deepEqual(
    problems({
      ...NEEDED,
      ...IN_VPC,
      vpcEndpoints: 's3,dynamodb',
      routeTableIds: 'rtb-0123456789abcdef0',
    }),
    [],
  );
  assert.deepEqual(
    problems({ ...NEEDED, encryptLogs: 'true', createKmsKey: 'false', kmsKeyArn: KEY_ARN }),
    [],
  );
});

/** Returns the errors that prevent a deployment. */
function errors(props: Record<string, unknown>): string[] {
  const stack = new IamKeySyncStack(scratchApp(), 'IamKeySync', {
    zip: ZIP,
    vaultAddr: 'https://vault.example.org',
    ...props,
  });
  return stack.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type === 'aws:cdk:error')
    .map(({ data }) => data as string);
}

test('files: are required for a deployment only', () => {
  const none = path.join(SCRATCH, 'none');
  const missing = { zip: none, vaultCaFile: none, targetsFile: none };
  assert.deepEqual(problems({ ...NEEDED, ...missing }), []);
  const [zip, ca, targets, ...others] = errors(missing);
  assert.match(zip!, /^zip: expected a readable file \(ENOENT/);
  assert.match(ca!, /^vaultCaFile: expected a readable file \(ENOENT/);
  assert.match(targets!, /^targetsFile: expected a readable file \(ENOENT/);
  assert.deepEqual([others, errors({})], [[], []]);
});

test('zip: must be a zip file', () => {
  assert.match(errors({ zip: file('bootstrap', 'ELF') })[0]!, /^zip: expected a zip file/);
});

test('targetsFile: must be a JSON object of 1 MiB at most', () => {
  const found = (content: string | Buffer) => errors({ targetsFile: file('t.json', content) });
  const ofLength = (bytes: number) => `{"x":"${'é'.repeat((bytes - 8) / 2)}"}`;
  assert.deepEqual([found('{}'), found(ofLength(1048576))], [[], []]);
  const latin1 = Buffer.from('{"x":"é"}', 'latin1');
  for (const content of ['', '[]', 'null', '"text"', '{"x":', '\ufeff{}', latin1])
    assert.deepEqual(found(content), ['targetsFile: expected a JSON object'], String(content));
  assert.deepEqual(found(ofLength(1048578)), [
    'targetsFile: expected at most 1048576 bytes; got 1048578',
  ]);
});

test('vaultCaFile: must contain certificates and no key', () => {
  const key = `${CERTIFICATE}\n-----BEGIN PRIVATE KEY-----\nx\n`;
  assert.match(
    errors({ vaultCaFile: file('key.pem', key) })[0]!,
    /^vaultCaFile: expected only the certificate of the CA, but the file contains a private key/,
  );
  assert.match(
    errors({ vaultCaFile: file('der.pem', 'MIIB') })[0]!,
    /^vaultCaFile: expected a PEM file/,
  );
});

test('vaultCaFile: must fit into the environment of the function', () => {
  const empty = JSON.stringify({
    VAULT_ADDR: NEEDED.vaultAddr,
    VAULT_CACERT_BYTES: '',
    S3_BUCKET_NAME: 'b'.repeat(63),
    SSM_PARAMETER_PREFIX: '/iam_users/',
    SSM_PARAMETER_SUFFIX: '_keys',
    IAM_USER_TABLE: 'BCGOV_IAM_USER_TABLE',
  });
  // Each line break takes two bytes.
  const room =
    4096 - empty.length - JSON.stringify(`${CERTIFICATE}\n`).slice(1, -1).length + 'MIIB'.length;
  const ca = (name: string, length: number) =>
    file(name, CERTIFICATE.replace('MIIB', 'M'.repeat(length)));
  assert.deepEqual(problems({ ...NEEDED, vaultCaFile: ca('fits.pem', room) }), []);
  const expected =
    /^vaultCaFile: expected an environment of at most 4096 bytes, the limit of Lambda; got 4097/;
  assert.match(problems({ ...NEEDED, vaultCaFile: ca('long.pem', room + 1) })[0]!, expected);
});

test('userList: must fit into the environment of the function', () => {
  const userList = Array.from({ length: 100 }, (_, number) => `user-${number}-${'x'.repeat(40)}`);
  const vaultCaFile = file('small.pem', CERTIFICATE);
  const [problem, ...others] = problems({ ...NEEDED, vaultCaFile, userList });
  assert.match(problem!, /^userList: expected an environment .*, most of them in IAM_USER_LIST; /);
  assert.deepEqual(others, []);
});

test('context: ignores the keys of the CDK itself', () => {
  const own = {
    'aws:cdk:enable-path-metadata': true,
    '@aws-cdk/core:x': false,
    'cli-telemetry': false,
  };
  assert.deepEqual(problems({ ...NEEDED, ...own }), []);
});
