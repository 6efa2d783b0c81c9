/**
 * The one truth of every deployment: reads `infra/shared/*.json` and fills its placeholders.
 * It knows the format of those files, and nothing of AWS resources.
 */
import { readFileSync } from 'node:fs';
import * as path from 'node:path';

// Compiled, this file is infra/cdk/dist/lib/shared.js.
const SHARED = path.join(__dirname, '..', '..', '..', 'shared');

/** Values for `${Name}`; undefined means that this deployment has no such thing. */
export type Placeholders = Readonly<Record<string, string | undefined>>;

export interface EventPattern {
  readonly source: string[];
  readonly 'detail-type': string[];
  readonly detail: { readonly name: { readonly wildcard: string }[]; readonly operation: string[] };
}

export interface Permission {
  readonly sid: string;
  readonly why: string;
  /** The statement is left out when this placeholder has no value. */
  readonly requires?: string;
  readonly actions: string[];
  readonly resources: string[];
  readonly condition?: Readonly<Record<string, Readonly<Record<string, string[]>>>>;
}

export interface Variable {
  readonly name: string;
  readonly default: string | null;
  readonly required: boolean;
  readonly secret?: boolean;
  /** Lambda sets it, and refuses a function that sets it too. */
  readonly reserved?: boolean;
  readonly meaning: string;
}

interface Setting<T> {
  readonly value: T;
  readonly why: string;
}

export interface Settings {
  readonly function: Record<'timeoutSeconds' | 'leastTimeoutSeconds' | 'memoryMiB' | 'logRetentionDays', Setting<number>> & {
    readonly logFormat: Setting<string>;
  };
  readonly queue: Record<
    | 'visibilityTimeoutPerFunctionTimeout'
    | 'retentionDays'
    | 'keyLifetimeHours'
    | 'retryHours'
    | 'maxReceiveCountLimit',
    Setting<number>
  >;
  readonly deadLetters: Record<'retentionDays', Setting<number>>;
  readonly mapping: Record<'batchSize' | 'batchingWindowSeconds' | 'maximumConcurrency', Setting<number>>;
  readonly asynchronous: Record<'retryAttempts' | 'maximumEventAgeHours', Setting<number>>;
  readonly delivery: Record<'maximumEventAgeHours' | 'retryAttempts', Setting<number>>;
  readonly bucket: Record<'noncurrentVersionDays', Setting<number>>;
  readonly schedules: Record<'timeZone' | 'sweepExpression' | 'tokenRefreshExpression', Setting<string>> &
    Record<'sweepPayload' | 'tokenRefreshPayload', Setting<Record<string, unknown>>> &
    Record<'flexibleWindowMinutes', Setting<number>>;
}

export const settings = read<Settings>('settings.json');
export const environment = read<Variable[]>('environment.json');

/** The pattern that the rule uses, filled. */
export function eventPattern(values: Placeholders): EventPattern {
  return fill(read<EventPattern>('event-pattern.json'), values, 'event-pattern.json');
}

/** The statements of the function's role, filled; those whose `requires` has no value are left out. */
export function permissions(values: Placeholders): Permission[] {
  return read<Permission[]>('permissions.json')
    .filter(({ requires }) => requires === undefined || values[requires] !== undefined)
    .map((permission) => fill(permission, values, `permissions.json, ${permission.sid}`));
}

/** The default of an environment variable; an error when it has none. */
export function environmentDefault(name: string): string {
  const value = environment.find((variable) => variable.name === name)?.default;
  if (value === undefined || value === null) {
    throw new Error(`environment.json: ${name} has no default; give it one, or set the variable in the stack`);
  }
  return value;
}

/** A copy of `template` in which every `${Name}`, at any depth, is replaced. `origin` names it in errors. */
export function fill<T>(template: T, values: Placeholders, origin: string): T {
  if (typeof template === 'string') return fillText(template, values, origin) as T;
  if (Array.isArray(template)) return template.map((item) => fill(item, values, origin)) as T;
  if (typeof template === 'object' && template !== null) {
    return Object.fromEntries(Object.entries(template).map(([key, item]) => [key, fill(item, values, origin)])) as T;
  }
  return template;
}

function fillText(text: string, values: Placeholders, origin: string): string {
  // One pass: a value may itself hold `${Token[…]}` of the CDK, which must stay.
  return text.replace(/\$\{([A-Za-z]+)\}|\$\{/g, (found, name?: string) => {
    if (name === undefined) {
      throw new Error(`${origin}: "${text}" has a malformed placeholder; write it as \${Name}`);
    }
    if (!Object.hasOwn(values, name)) {
      throw new Error(`${origin}: unknown placeholder ${found}; known here: ${Object.keys(values).join(', ')}`);
    }
    const value = values[name];
    if (!value) {
      throw new Error(`${origin}: no value for placeholder ${found}; set it, or let the statement say "requires": "${name}"`);
    }
    return value;
  });
}

function read<T>(file: string): T {
  return JSON.parse(readFileSync(path.join(SHARED, file), 'utf8')) as T;
}
