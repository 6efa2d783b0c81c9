import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environment, environmentDefault, eventPattern, fill, permissions, settings } from '../lib/shared';

test('fills placeholders at any depth and leaves other values alone', () => {
  const template = { a: ['${X}/*', 1], b: { c: 'x${X}${Y}', d: null, e: true } };
  assert.deepEqual(fill(template, { X: '1', Y: '2' }, 'file'), { a: ['1/*', 1], b: { c: 'x12', d: null, e: true } });
});

test('leaves the CDK tokens within a value alone', () => {
  assert.equal(fill('${X}', { X: '${Token[Arn.1]}' }, 'file'), '${Token[Arn.1]}');
});

test('refuses an unknown placeholder and names the known ones', () => {
  assert.throws(() => fill('a${Nmae}', { Name: 'x', Other: 'y' }, 'permissions.json, ReadState'), {
    message: 'permissions.json, ReadState: unknown placeholder ${Nmae}; known here: Name, Other',
  });
});

test('refuses a placeholder without a value', () => {
  for (const value of ['', undefined]) {
    assert.throws(() => fill('a${Name}', { Name: value }, 'file'), /^Error: file: no value for placeholder \$\{Name\}/);
  }
});

test('refuses a malformed placeholder', () => {
  for (const text of ['${Name', '${}', '${Na me}', '${aws:username}']) {
    assert.throws(() => fill(text, { Name: 'x' }, 'file'), /malformed placeholder/, text);
  }
});

test('the event pattern takes prefix and suffix from the deployment', () => {
  assert.deepEqual(eventPattern({ ParameterPrefix: '/a/', ParameterSuffix: '_b' }).detail.name, [{ wildcard: '/a/*_b' }]);
});

test('permissions cannot be filled by halves', () => {
  assert.throws(() => permissions({ Partition: 'aws' }), /permissions\.json, ReadKeyParameters: unknown placeholder/);
});

test('every environment variable is named once, explained, and has a default only if it needs none from outside', () => {
  assert.equal(new Set(environment.map(({ name }) => name)).size, environment.length);
  for (const variable of environment) {
    assert.match(variable.name, /^[A-Z][A-Z0-9_]+$/);
    assert.ok(variable.meaning.length > 10, variable.name);
    if (variable.required || variable.secret || variable.reserved) assert.equal(variable.default, null, variable.name);
  }
  assert.throws(() => environmentDefault('VAULT_ADDR'), /VAULT_ADDR has no default/);
});

test('every setting says why', () => {
  for (const [section, members] of Object.entries(settings)) {
    for (const [name, { value, why }] of Object.entries(members as Record<string, { value: unknown; why: string }>)) {
      assert.ok(value !== undefined && why.length > 10, `${section}.${name}`);
    }
  }
});
