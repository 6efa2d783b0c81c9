import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { IamKeySyncProps } from '../lib/props';
import { IamKeySyncStack } from '../lib/stack';
import { CONTEXT, IN_VPC, KEY_ARN, SCRATCH, scratchApp, ZIP } from './fixture';

const TARGETS = path.join(SCRATCH, 'nag-targets.json');
writeFileSync(TARGETS, '{}');

/** Runs the app as `cdk synth` does, without the caller's environment. */
function synth(context: Record<string, string>) {
  const outdir = path.join(SCRATCH, 'cdk.out');
  const app = path.join(__dirname, '..', 'bin', 'app.js');
  const env = { CDK_CONTEXT_JSON: JSON.stringify({ ...CONTEXT, ...context }), CDK_OUTDIR: outdir };
  return { outdir, ...spawnSync(process.execPath, [app], { env, encoding: 'utf8' }) };
}

test('app: synthesises without credentials for any account', () => {
  const { status, stderr, outdir } = synth({ zip: ZIP, vaultAddr: 'https://vault.example.org' });
  assert.equal(status, 0, stderr);
  const manifest = JSON.parse(readFileSync(path.join(outdir, 'manifest.json'), 'utf8'));
  assert.equal(manifest.artifacts.IamKeySync.environment, 'aws://unknown-account/unknown-region');
  assert.equal(manifest.missing, undefined);
});

test('app: reports an invalid context without a stack trace', () => {
  const { status, stderr } = synth({ vaultAddr: 'vault' });
  assert.equal(status, 1);
  assert.match(stderr, /^context: incomplete or invalid/);
  assert.match(
    stderr,
    /\n {2}vaultAddr: expected.*\n {2}zip: expected exactly one of zip and packageBucket/,
  );
  assert.doesNotMatch(stderr, /\n\s+at /);
});

const DEPLOYMENTS: Record<string, Partial<IamKeySyncProps>> = {
  'only required inputs': {},
  'keys of S3 and SQS': { createKmsKey: false },
  'all options in a VPC': {
    ...IN_VPC,
    vpcEndpoints: ['ssm', 's3', 'dynamodb'],
    routeTableIds: ['rtb-0123456789abcdef0'],
    kmsKeyArn: KEY_ARN,
    parameterKmsKeyArn: KEY_ARN,
    alarmTopicArn: 'arn:aws:sns:ca-central-1:123456789012:alarms',
    tracing: true,
    encryptLogs: true,
    targetsFile: TARGETS,
  },
};

for (const [name, props] of Object.entries(DEPLOYMENTS)) {
  test(`cdk-nag: no open finding with ${name}`, () => {
    const stack = new IamKeySyncStack(scratchApp(), 'IamKeySync', {
      zip: ZIP,
      vaultAddr: 'https://vault.example.org',
      ...props,
    });
    const { violations } = new AwsSolutionsChecks().validateScope(stack);
    assert.deepEqual(
      violations.map(({ ruleName, violatingResources }) => [ruleName, violatingResources]),
      [],
    );
  });
}

test('cdk.json: sets every recommended feature flag', () => {
  const file = require.resolve('aws-cdk-lib/recommended-feature-flags.json');
  const recommended = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  assert.ok(Object.keys(recommended).length > 20);
  for (const [flag, value] of Object.entries(recommended))
    assert.deepEqual(CONTEXT[flag], value, flag);
});
