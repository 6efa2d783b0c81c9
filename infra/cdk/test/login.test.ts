import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read, type AlarmDefinition, type Permission } from '../lib/shared';
import { LOGIN, plain, Synthesised, type Resource } from './fixture';

type Resources = Record<string, Omit<Resource, 'id'>>;

const login = new Synthesised(LOGIN);
const before: Resources = new Synthesised().template.toJSON().Resources;
const after: Resources = login.template.toJSON().Resources;

/** Returns the ids without the hashes of the CDK. */
function short(ids: string[]): string[] {
  return ids.map((id) => id.replace(/^Service(.+)[0-9A-F]{8}$/, '$1')).sort();
}

function body(resources: Resources): { widgets: any[] } {
  const dashboard = Object.values(resources).find(({ Type }) => Type.endsWith('::Dashboard'))!;
  return JSON.parse(plain(dashboard.Properties.DashboardBody));
}

test('login: creates neither the renewal nor its alarms', () => {
  const ofToken = read<AlarmDefinition[]>('alarms.json')
    .filter(({ metric }) => metric === 'VaultTokenHoursLeft')
    .map(({ id }) => `Watch${id.replaceAll('-', '')}`);
  assert.equal(ofToken.length, 3);
  const absent = Object.keys(before).filter((id) => !(id in after));
  assert.deepEqual(short(absent), ['SchedulesTokenRefresh', ...ofToken].sort());
  assert.deepEqual(
    Object.keys(after).filter((id) => !(id in before)),
    [],
  );
});

test('login: changes only role, environment and dashboard', () => {
  const changed = Object.keys(after).filter(
    (id) => JSON.stringify(after[id]) !== JSON.stringify(before[id]),
  );
  assert.deepEqual(short(changed), ['SyncFunction', 'SyncRole', 'WatchDashboard']);
  const set = login.function.Properties.Environment.Variables;
  const { VAULT_AUTH_METHOD, VAULT_AUTH_ROLE, ...others } = set;
  assert.deepEqual([VAULT_AUTH_METHOD, VAULT_AUTH_ROLE], ['aws', 'iam-key-sync']);
  assert.deepEqual(others, new Synthesised().function.Properties.Environment.Variables);
});

test('login: grants no access to the token object', () => {
  const statements = (resources: Resources): any[] => {
    const role = Object.entries(resources).find(([id]) => short([id])[0] === 'SyncRole')![1];
    return role.Properties.Policies[0].PolicyDocument.Statement;
  };
  // Only the texts of the token object are left out.
  const isKept = (text: unknown) => !JSON.stringify(text).includes('vault-token.json');
  const expected = statements(before).map(({ Resource, Condition, ...others }) => {
    const keys = Condition?.StringLikeIfExists;
    const resources = [Resource].flat().filter(isKept);
    const condition = keys
      ? { StringLikeIfExists: { 's3:prefix': keys['s3:prefix'].filter(isKept) } }
      : Condition;
    return {
      ...others,
      Resource: resources.length === 1 ? resources[0] : resources,
      ...(condition && { Condition: condition }),
    };
  });
  assert.deepEqual(statements(after), expected);
  assert.doesNotMatch(JSON.stringify(statements(after)), /vault-token/);
  const optional = read<Permission[]>('permissions.json').filter(({ optional: of }) => of);
  assert.deepEqual(
    optional.map(({ sid }) => sid),
    ['ReadAndWriteState', 'ListState'],
  );
});

test('login: shows no token and only created alarms', () => {
  const { widgets } = body(after);
  assert.doesNotMatch(JSON.stringify(widgets), /VaultTokenHoursLeft|requires/);
  assert.doesNotMatch(JSON.stringify(body(before)), /requires/);
  assert.equal(widgets.length, body(before).widgets.length - 2);
  const shown = widgets
    .find(({ type }) => type === 'alarm')
    .properties.alarms.map((arn: string) => arn.split(':alarm:')[1]);
  const created = login.all('AWS::CloudWatch::Alarm');
  assert.deepEqual(
    shown.sort(),
    created.map(({ Properties }) => plain(Properties.AlarmName)).sort(),
  );
});
