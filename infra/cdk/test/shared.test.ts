import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  environment,
  environmentDefault,
  eventPattern,
  fill,
  permissions,
  settings,
} from '../lib/shared';

test('fill: replaces placeholders at any depth', () => {
  const template = { a: ['${X}/*', 1], b: { c: 'x${X}${Y}', d: null, e: true } };
  assert.deepEqual(fill(template, { X: '1', Y: '2' }, 'file'), {
    a: ['1/*', 1],
    b: { c: 'x12', d: null, e: true },
  });
});

test('fill: keeps CDK tokens in values', () => {
  assert.equal(fill('${X}', { X: '${Token[Arn.1]}' }, 'file'), '${Token[Arn.1]}');
});

test('fill: rejects an unknown placeholder', () => {
  assert.throws(() => fill('a${Nmae}', { Name: 'x', Other: 'y' }, 'permissions.json, ReadState'), {
    message: 'permissions.json, ReadState: unknown placeholder ${Nmae}; known here: Name, Other',
  });
});

test('fill: rejects a placeholder without a value', () => {
  for (const value of ['', undefined]) {
    assert.throws(
      () => fill('a${Name}', { Name: value }, 'file'),
      /^Error: file: no value for placeholder \$\{Name\}/,
    );
  }
});

test('fill: rejects a malformed placeholder', () => {
  for (const text of ['${Name', '${}', '${Na me}', '${aws:username}']) {
    assert.throws(() => fill(text, { Name: 'x' }, 'file'), /malformed placeholder/, text);
  }
});

test('event pattern: contains prefix and suffix', () => {
  assert.deepEqual(eventPattern({ ParameterPrefix: '/a/', ParameterSuffix: '_b' }).detail.name, [
    { wildcard: '/a/*_b' },
  ]);
});

test('permissions: reject missing placeholders', () => {
  assert.throws(
    () => permissions({ Partition: 'aws' }),
    /permissions\.json, ReadKeyParameters: unknown placeholder/,
  );
});

test('environment.json: variables are unique and described', () => {
  assert.equal(new Set(environment.map(({ name }) => name)).size, environment.length);
  for (const variable of environment) {
    assert.match(variable.name, /^[A-Z][A-Z0-9_]+$/);
    assert.ok(variable.meaning.length > 10, variable.name);
    if (variable.required || variable.secret || variable.reserved)
      assert.equal(variable.default, null, variable.name);
  }
  assert.throws(() => environmentDefault('VAULT_ADDR'), /VAULT_ADDR has no default/);
});

test('settings.json: every setting has a reason', () => {
  for (const [section, members] of Object.entries(settings)) {
    for (const [name, { value, why }] of Object.entries(
      members as Record<string, { value: unknown; why: string }>,
    )) {
      assert.ok(value !== undefined && why.length > 10, `${section}.${name}`);
    }
  }
});
