import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inputProblem, inputs, type Input } from '../lib/inputs';
import { PROPERTIES } from '../lib/props';
import { environment, read, settings } from '../lib/shared';

const {
  groups,
  rules,
  inputs: all,
} = read<{
  groups: Record<string, string>;
  rules: { inputs: string[]; rule: string }[];
  inputs: Input[];
}>('inputs.json');

/** Variables without an input, and the reason. */
const NO_INPUT: Record<string, string> = {
  VAULT_CACERT: 'a function has no file for it; VAULT_CACERT_BYTES holds the text',
  VAULT_TOKEN: 'a secret',
  S3_BUCKET_NAME: "the stack's own bucket",
  VAULT_TOKEN_S3_KEY: 'the permissions are for its default',
  SYNC_STATE_S3_PREFIX: 'the permissions are for its default',
  SYNC_STATE_S3_KEY: 'the permissions are for its default',
  TARGETS_FILE: 'a function has no file for it; targetsFile is stored as an object',
  TARGETS_S3_KEY: 'the permissions are for its default',
  AWS_ENDPOINT_URL: 'for tests',
  AWS_ENDPOINT_URL_SSM: 'for tests',
  AWS_ENDPOINT_URL_S3: 'for tests',
  AWS_ENDPOINT_URL_DYNAMODB: 'for tests',
  AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'for tests',
  AWS_USE_FIPS_ENDPOINT: 'FIPS endpoints have other network rules',
  AWS_USE_DUALSTACK_ENDPOINT: 'the security group has no IPv6 rules',
  AWS_PROFILE: 'only for keysync',
  AWS_CA_BUNDLE: 'a function has no file for it',
  SSL_CERT_FILE: 'a function has no file for it',
  SSL_CERT_DIR: 'a function has no folder for it',
  VAULT_MAX_CALLS_PER_SECOND: "the service keeps to Vault's own rate limit",
};

test('props: are exactly the inputs', () => {
  assert.deepEqual([...PROPERTIES].sort(), [...inputs.keys()].sort());
});

test('inputs: cover every settable environment variable', () => {
  const ofInputs = all.flatMap(({ variable }) => variable ?? []);
  const others = environment
    .filter(({ reserved }) => !reserved)
    .map(({ name }) => name)
    .filter((name) => !ofInputs.includes(name));
  assert.deepEqual(others.sort(), Object.keys(NO_INPUT).sort());
  for (const { name, variable, default: value, required } of all) {
    if (variable === undefined) continue;
    const known = environment.find((each) => each.name === variable);
    assert.ok(known && !known.secret && !known.reserved, name);
    const text =
      value === null || (Array.isArray(value) && value.length === 0) ? null : String(value);
    if (variable !== 'VAULT_CACERT_BYTES') assert.equal(text, known.default, name);
    assert.equal(required ?? false, known.required, name);
  }
});

test('inputs: defaults equal the settings that they name', () => {
  for (const { name, same_as: setting, default: value } of all) {
    if (setting === undefined) continue;
    const [section, member] = setting.split('.') as [keyof typeof settings, string];
    assert.equal(
      value,
      (settings[section] as Record<string, { value: unknown }>)[member]!.value,
      name,
    );
  }
  const timeout = all.find(({ name }) => name === 'function_timeout_seconds')!;
  assert.equal(timeout.least, settings.function.leastTimeoutSeconds.value);
});

test('inputs: the longest visibility timeout suits the function and the alarms', () => {
  const most = (name: string) => all.find((input) => input.name === name)!.most!;
  const longest = most('queue_visibility_seconds');
  const factor = settings.queue.visibilityTimeoutPerFunctionTimeout.value;
  assert.equal(longest, factor * most('function_timeout_seconds'));
  const alarms = read<{ id: string; periodSeconds: number; threshold: number }[]>('alarms.json');
  const alarm = (id: string) => alarms.find((each) => each.id === id)!;
  assert.ok(longest <= alarm('users-failing').periodSeconds);
  assert.ok(3 * longest < alarm('queue-waiting').threshold);
});

test('inputs: are unique, described and have valid defaults', () => {
  assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
  for (const input of all) {
    assert.match(input.name, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
    assert.ok(input.description.length > 8 && groups[input.group] !== undefined, input.name);
    if (input.required) assert.equal(input.default, null, input.name);
    if (input.default !== null)
      assert.equal(inputProblem(input.name, input, input.default), undefined, input.name);
  }
  for (const { inputs: named } of rules) {
    for (const name of named)
      assert.ok(
        all.some((input) => input.name === name),
        name,
      );
  }
});
