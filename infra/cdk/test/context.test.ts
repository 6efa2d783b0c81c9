import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { RemovalPolicy } from 'aws-cdk-lib';
import { ContextError, readContext } from '../lib/context';
import { SCRATCH, ZIP } from './fixture';

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

function file(name: string, content: string): string {
  const target = path.join(SCRATCH, name);
  writeFileSync(target, content);
  return target;
}

test('needs only the zip and the address of Vault', () => {
  const props = readContext(NEEDED);
  const given = Object.entries(props).filter(([, value]) => value !== undefined);
  assert.deepEqual(Object.fromEntries(given), { zipPath: ZIP, vaultAddress: 'https://vault.example.org:8200' });
});

test('reads every key', () => {
  const props = readContext({
    ...NEEDED,
    architecture: 'x86_64',
    vaultCaFile: file('ca.pem', `subject=CN = test\n${CERTIFICATE}\n\nissuer\n${CERTIFICATE}\n`),
    vaultNamespace: 'team/a',
    vaultMount: 'kv',
    vaultPathPrefix: 'aws/keys',
    parameterPrefix: '/iam-users/',
    parameterSuffix: '.keys',
    userTable: '-',
    logLevel: 'warn',
    onUserDeleted: 'soft-delete',
    functionTimeoutSeconds: '30',
    queueVisibilitySeconds: 31,
    maxConcurrency: '5',
    removalPolicy: 'destroy',
  });
  const { architecture, functionTimeout, queueVisibilityTimeout, ...plain } = props;
  assert.equal(architecture?.name, 'x86_64');
  assert.equal(functionTimeout?.toSeconds(), 30);
  assert.equal(queueVisibilityTimeout?.toSeconds(), 31);
  assert.deepEqual(plain, {
    zipPath: ZIP,
    vaultAddress: 'https://vault.example.org:8200',
    vaultCaCertificate: `${CERTIFICATE}\n${CERTIFICATE}\n`,
    vaultNamespace: 'team/a',
    vaultMount: 'kv',
    vaultPathPrefix: 'aws/keys',
    parameterPrefix: '/iam-users/',
    parameterSuffix: '.keys',
    userTable: '-',
    logLevel: 'warn',
    onUserDeleted: 'soft-delete',
    maxConcurrency: 5,
    removalPolicy: RemovalPolicy.DESTROY,
  });
});

test('reports all problems at once, each with its key and what was expected', () => {
  const found = problems({
    vaultAddr: 'http://vault.example.org',
    vaultMount: 'se cret',
    parameterPrefix: 'iam_users',
    maxConcurrency: '1',
    logLevel: 'loud',
    vaultPathPrefx: 'x',
  });
  const expected = [
    /^vaultPathPrefx: unknown key; expected one of .*vaultPathPrefix/,
    /^zip: required; give it as -c zip=…$/,
    /^vaultAddr: expected https:.*; got "http:\/\/vault\.example\.org"$/,
    /^vaultMount: expected a path of A-Z a-z 0-9 - _ \. between single slashes/,
    /^parameterPrefix: expected a path that starts and ends with a slash/,
    /^logLevel: expected error or warn or info or debug or trace; got "loud"$/,
    /^maxConcurrency: expected a whole number from 2 to 1000; got "1"$/,
  ];
  assert.equal(found.length, expected.length, found.join('\n'));
  expected.forEach((pattern, index) => assert.match(found[index]!, pattern));
});

/** What the function accepts and refuses, by key. */
const ROWS: Record<string, { good: string[]; bad: string[] }> = {
  vaultAddr: {
    good: ['https://v', 'https://v/', 'https://v:8200', 'http://127.0.0.1:8200', 'http://127.1', 'http://localhost', 'http://[::1]:8200'],
    bad: [
      ...['', 'vault:8200', 'ftp://v', 'http://vault.example.org', 'http://127.example.org', 'http://[::2]', 'http://0.0.0.0'],
      ...['https://u:p@v', 'https://u@v', 'https://v/ui', 'https://v//', 'https://v?x=1', 'https://v?', 'https://v#x', 'https://v #'],
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
  parameterPrefix: {
    good: ['/iam_users/', '/iam-users/', '/a/b.c/'],
    bad: ['', '/', '//', 'iam_users/', '/iam_users', '/a//b/', '/iam users/', '/a*/'],
  },
  parameterSuffix: { good: ['_keys', '.k', '-'], bad: ['', '/keys', '_keys/', '_ke ys', '*'] },
};

for (const [key, { good, bad }] of Object.entries(ROWS)) {
  test(`${key}: takes what the function takes, and nothing else`, () => {
    for (const value of good) assert.deepEqual(problems({ ...NEEDED, [key]: value }), [], value);
    for (const value of bad) {
      const found = problems({ ...NEEDED, [key]: value });
      assert.equal(found.length, 1, `${value}: ${found.join('; ')}`);
      assert.match(found[0]!, new RegExp(`^${key}: expected `), value);
    }
  });
}

test('a queue must hide a message for longer than the function may take', () => {
  assert.match(problems({ ...NEEDED, queueVisibilitySeconds: '120' })[0]!, /^queueVisibilitySeconds: expected more than .*\(120\)/);
  assert.deepEqual(problems({ ...NEEDED, functionTimeoutSeconds: '10', queueVisibilitySeconds: '11' }), []);
});

test('refuses a function timeout that leaves the function no time in hand, and says so', () => {
  assert.deepEqual(problems({ ...NEEDED, functionTimeoutSeconds: '10' }), []);
  assert.match(problems({ ...NEEDED, functionTimeoutSeconds: '9' })[0]!, /from 10 to 900 \(the function waits for late reads.*; got "9"$/);
});

test('the zip must be one', () => {
  assert.match(problems({ ...NEEDED, zip: path.join(SCRATCH, 'none.zip') })[0]!, /^zip: expected a file that can be read \(ENOENT/);
  assert.match(problems({ ...NEEDED, zip: file('bootstrap', 'ELF') })[0]!, /^zip: expected a zip file/);
});

test('the CA file must hold certificates and no key', () => {
  const key = `${CERTIFICATE}\n-----BEGIN PRIVATE KEY-----\nx\n`;
  assert.match(problems({ ...NEEDED, vaultCaFile: file('key.pem', key) })[0]!, /^vaultCaFile: the file holds a private key/);
  assert.match(problems({ ...NEEDED, vaultCaFile: file('der.pem', 'MIIB') })[0]!, /^vaultCaFile: expected a PEM file/);
});

test('the CA must fit into the environment with everything else, where each line break takes two bytes', () => {
  const empty = JSON.stringify({
    VAULT_ADDR: NEEDED.vaultAddr, VAULT_CACERT_BYTES: '', S3_BUCKET_NAME: 'b'.repeat(63), SSM_PARAMETER_PREFIX: '/iam_users/',
    SSM_PARAMETER_SUFFIX: '_keys', IAM_USER_TABLE: 'BCGOV_IAM_USER_TABLE',
  });
  const room = 4096 - empty.length - JSON.stringify(`${CERTIFICATE}\n`).slice(1, -1).length + 'MIIB'.length;
  const ca = (name: string, length: number) => file(name, CERTIFICATE.replace('MIIB', 'M'.repeat(length)));
  assert.deepEqual(problems({ ...NEEDED, vaultCaFile: ca('fits.pem', room) }), []);
  const expected = /^vaultCaFile: the function's environment would take 4097 bytes, and Lambda accepts 4096; expected 1 bytes less/;
  assert.match(problems({ ...NEEDED, vaultCaFile: ca('long.pem', room + 1) })[0]!, expected);
});

test('leaves the context of the CDK itself alone', () => {
  const own = { 'aws:cdk:enable-path-metadata': true, '@aws-cdk/core:x': false, 'cli-telemetry': false };
  assert.deepEqual(problems({ ...NEEDED, ...own }), []);
});
