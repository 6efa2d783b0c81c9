/**
 * Reads the files in `infra/shared`, which all stacks share, and fills their placeholders. Knows
 * their format, and no AWS resources.
 */
import { readFileSync } from 'node:fs';
import * as path from 'node:path';

// Compiled, this file is infra/cdk/dist/lib/shared.js.
const SHARED = path.join(__dirname, '..', '..', '..', 'shared');

/**
 * Values for `${Name}`; undefined means that the deployment has no value. A list stands for several
 * items of the list that contains only the placeholder.
 */
export type Placeholders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface EventPattern {
  readonly source: string[];
  readonly 'detail-type': string[];
  readonly detail: { readonly name: { readonly wildcard: string }[]; readonly operation: string[] };
}

/** A statement of a policy. One with `requires` is left out if that placeholder has no value. */
export interface Permission {
  readonly sid: string;
  readonly why: string;
  readonly requires?: string;
  /** Placeholders that may have no value; items of lists that contain one are then left out. */
  readonly optional?: readonly string[];
  readonly effect?: 'Allow' | 'Deny';
  readonly principal?: Readonly<Record<'AWS' | 'Service', string | undefined>>;
  readonly actions: string[];
  readonly resources: string[];
  readonly condition?: Readonly<Record<string, Readonly<Record<string, string[]>>>>;
}

export interface ManagedPolicy {
  readonly name: string;
  readonly arn: string;
  readonly requires: string;
  readonly why: string;
}

export interface AlarmDefinition {
  readonly id: string;
  readonly severity: 'warn' | 'page';
  readonly requires?: string;
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly statistic: string;
  readonly periodSeconds: number;
  readonly evaluationPeriods: number;
  readonly comparison: string;
  readonly threshold: number;
  readonly missing: 'breaching' | 'notBreaching' | 'ignore' | 'missing';
  readonly warmUp?: boolean;
  readonly description: string;
  readonly why: string;
}

interface Dashboard {
  readonly widgets: readonly Widget[];
}

/** A widget of the dashboard. One with `requires` is left out if that placeholder has no value. */
interface Widget {
  readonly requires?: string;
  readonly properties: Readonly<Record<string, unknown>> & { readonly alarms?: readonly string[] };
}

export interface Variable {
  readonly name: string;
  readonly default: string | null;
  readonly required: boolean;
  readonly secret?: boolean;
  /** Lambda sets it, and rejects a function that sets it too. */
  readonly reserved?: boolean;
  readonly meaning: string;
}

interface Setting<T> {
  readonly value: T;
  readonly why: string;
}

export interface Settings {
  readonly function: Record<
    'timeoutSeconds' | 'leastTimeoutSeconds' | 'memoryMiB' | 'logRetentionDays',
    Setting<number>
  > & {
    readonly logFormat: Setting<string>;
  };
  readonly queue: Record<
    | 'delaySeconds'
    | 'visibilityTimeoutPerFunctionTimeout'
    | 'retentionDays'
    | 'keyLifetimeHours'
    | 'retryHours'
    | 'maxReceiveCountLimit',
    Setting<number>
  >;
  readonly deadLetters: Record<'retentionDays', Setting<number>>;
  readonly mapping: Record<
    'batchSize' | 'batchingWindowSeconds' | 'maximumConcurrency',
    Setting<number>
  >;
  readonly asynchronous: Record<'retryAttempts' | 'maximumEventAgeHours', Setting<number>>;
  readonly delivery: Record<'maximumEventAgeHours' | 'retryAttempts', Setting<number>>;
  readonly bucket: Record<'noncurrentVersionDays' | 'noncurrentTokenVersionDays', Setting<number>>;
  readonly targets: Record<'maximumBytes', Setting<number>>;
  readonly schedules: Record<
    'timeZone' | 'sweepExpression' | 'tokenRefreshExpression',
    Setting<string>
  > &
    Record<'sweepPayload' | 'tokenRefreshPayload', Setting<Record<string, unknown>>> &
    Record<'flexibleWindowMinutes', Setting<number>>;
}

export const settings = read<Settings>('settings.json');
export const environment = read<Variable[]>('environment.json');

/** Returns the pattern of the rule, filled. */
export function eventPattern(values: Placeholders): EventPattern {
  return fill(read<EventPattern>('event-pattern.json'), values, 'event-pattern.json');
}

/** Returns the statements of a file, filled, without those whose `requires` has no value. */
export function permissions(values: Placeholders, file = 'permissions.json'): Permission[] {
  return granted(read<Permission[]>(file), values).map((permission) =>
    fill(withoutAbsent(permission, values), values, `${file}, ${permission.sid}`),
  );
}

/** Returns the managed policies of AWS that the function's role needs in this deployment. */
export function managedPolicies(values: Placeholders): ManagedPolicy[] {
  return granted(read<ManagedPolicy[]>('managed-policies.json'), values).map((policy) =>
    fill(policy, values, `managed-policies.json, ${policy.name}`),
  );
}

/** Returns the alarms of this deployment, filled. */
export function alarms(values: Placeholders): AlarmDefinition[] {
  return granted(read<AlarmDefinition[]>('alarms.json'), values).map((alarm) =>
    fill(alarm, values, `alarms.json, ${alarm.id}`),
  );
}

/** Returns the body of the dashboard, filled, with the alarms and the widgets of this deployment. */
export function dashboard(values: Placeholders): Record<string, unknown> {
  const created = new Set(alarms(values).map(({ id }) => id));
  const isCreated = (arn: string) => created.has(arn.split('${AlarmPrefix}')[1]!);
  const { widgets, ...body } = read<Dashboard>('dashboard.json');
  const shown = granted(widgets, values).map(({ requires: _, properties, ...widget }) => {
    const { alarms: listed, ...others } = properties;
    if (listed === undefined) return { ...widget, properties };
    return { ...widget, properties: { ...others, alarms: listed.filter(isCreated) } };
  });
  return fill({ ...body, widgets: shown }, values, 'dashboard.json');
}

/** Returns the default of an environment variable; throws if it has none. */
export function environmentDefault(name: string): string {
  const value = environment.find((variable) => variable.name === name)?.default;
  if (value === undefined || value === null) {
    throw new Error(
      `environment.json: ${name} has no default; add one, or set the variable in the stack`,
    );
  }
  return value;
}

/**
 * Returns a copy of `template` in which every `${Name}`, at any depth, is replaced. Errors start
 * with `origin`.
 */
export function fill<T>(template: T, values: Placeholders, origin: string): T {
  if (typeof template === 'string') return fillText(template, values, origin) as T;
  if (Array.isArray(template))
    return template.flatMap((item) => listOf(item, values) ?? [fill(item, values, origin)]) as T;
  if (typeof template === 'object' && template !== null) {
    return Object.fromEntries(
      Object.entries(template).map(([key, item]) => [key, fill(item, values, origin)]),
    ) as T;
  }
  return template;
}

/** Returns the list of which this item is the placeholder. */
function listOf(item: unknown, values: Placeholders): readonly string[] | undefined {
  const name = typeof item === 'string' ? /^\$\{([A-Za-z]+)\}$/.exec(item)?.[1] : undefined;
  const value = name === undefined ? undefined : values[name];
  return typeof value === 'string' ? undefined : value;
}

function fillText(text: string, values: Placeholders, origin: string): string {
  // One pass, because a value may contain `${Token[…]}` of the CDK, which must stay.
  return text.replace(/\$\{([A-Za-z]+)\}|\$\{/g, (found, name?: string) => {
    if (name === undefined) {
      throw new Error(`${origin}: "${text}" has a malformed placeholder; write it as \${Name}`);
    }
    if (!Object.hasOwn(values, name)) {
      throw new Error(
        `${origin}: unknown placeholder ${found}; known here: ${Object.keys(values).join(', ')}`,
      );
    }
    const value = values[name];
    if (!value || typeof value !== 'string') {
      throw new Error(
        `${origin}: no value for placeholder ${found}; ` +
          `set it, or add "requires": "${name}" to the statement`,
      );
    }
    return value;
  });
}

/** Returns a statement without the items of its lists that contain an optional placeholder. */
function withoutAbsent(permission: Permission, values: Placeholders): Permission {
  const absent = (permission.optional ?? [])
    .filter((name) => Object.hasOwn(values, name) && values[name] === undefined)
    .map((name) => `\${${name}}`);
  const isKept = (text: string) => !absent.some((placeholder) => text.includes(placeholder));
  const { resources, condition = {} } = permission;
  const kept = Object.entries(condition).map(([test, keys]) => {
    const texts = Object.entries(keys).map(([key, all]) => [key, all.filter(isKept)]);
    return [test, Object.fromEntries(texts)];
  });
  return {
    ...permission,
    resources: resources?.filter(isKept),
    condition: permission.condition && Object.fromEntries(kept),
  };
}

function granted<T extends { requires?: string }>(all: readonly T[], values: Placeholders): T[] {
  return all.filter(
    ({ requires }) => requires === undefined || values[requires] !== undefined,
  );
}

export function read<T>(file: string): T {
  return JSON.parse(readFileSync(path.join(SHARED, file), 'utf8')) as T;
}
