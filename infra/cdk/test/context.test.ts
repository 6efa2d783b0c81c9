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
    vaultMount: '/secret/',
    parameterPrefix: 'iam_users',
    maxConcurrency: '1',
    logLevel: 'loud',
    vaultPathPrefx: 'x',
  });
  const expected = [
    /^vaultPathPrefx: unknown key; expected one of .*vaultPathPrefix/,
    /^zip: required; give it as -c zip=…$/,
    /^vaultAddr: expected https:.*; got "http:\/\/vault\.example\.org"$/,
    /^vaultMount: expected a path without a slash at either end/,
    /^parameterPrefix: expected a path that starts and ends with a slash/,
    /^logLevel: expected error or warn or info or debug or trace; got "loud"$/,
    /^maxConcurrency: expected a whole number from 2 to 1000; got "1"$/,
  ];
  assert.equal(found.length, expected.length, found.join('\n'));
  expected.forEach((pattern, index) => assert.match(found[index]!, pattern));
});

test('takes plain HTTP only for a loopback host, and no credentials in the address', () => {
  for (const vaultAddr of ['http://127.0.0.1:8200', 'http://localhost', 'http://[::1]:8200', 'https://v']) {
    assert.deepEqual(problems({ ...NEEDED, vaultAddr }), [], vaultAddr);
  }
  for (const vaultAddr of ['http://127.example.org', 'ftp://v', 'vault:8200', '', 'https://u:p@v', 'https://v?x=1']) {
    assert.equal(problems({ ...NEEDED, vaultAddr }).length, 1, vaultAddr);
  }
});

test('a queue must hide a message for longer than the function may take', () => {
  assert.match(problems({ ...NEEDED, queueVisibilitySeconds: '60' })[0]!, /^queueVisibilitySeconds: expected more than .*\(60\)/);
  assert.deepEqual(problems({ ...NEEDED, functionTimeoutSeconds: '5', queueVisibilitySeconds: '6' }), []);
});

test('the zip must be one', () => {
  assert.match(problems({ ...NEEDED, zip: path.join(SCRATCH, 'none.zip') })[0]!, /^zip: expected a file that can be read \(ENOENT/);
  assert.match(problems({ ...NEEDED, zip: file('bootstrap', 'ELF') })[0]!, /^zip: expected a zip file/);
});

test('the CA file must hold certificates, no key, and fit into the environment', () => {
  const key = `${CERTIFICATE}\n-----BEGIN PRIVATE KEY-----\nx\n`;
  const long = CERTIFICATE.replace('MIIB', 'M'.repeat(3072));
  assert.match(problems({ ...NEEDED, vaultCaFile: file('key.pem', key) })[0]!, /^vaultCaFile: the file holds a private key/);
  assert.match(problems({ ...NEEDED, vaultCaFile: file('der.pem', 'MIIB') })[0]!, /^vaultCaFile: expected a PEM file/);
  assert.match(problems({ ...NEEDED, vaultCaFile: file('long.pem', long) })[0]!, /bytes of certificates do not fit/);
});

test('leaves the context of the CDK itself alone', () => {
  const own = { 'aws:cdk:enable-path-metadata': true, '@aws-cdk/core:x': false, 'cli-telemetry': false };
  assert.deepEqual(problems({ ...NEEDED, ...own }), []);
});
