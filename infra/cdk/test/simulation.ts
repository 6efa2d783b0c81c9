/**
 * A minimal evaluator of IAM statements, for permissions that no emulator enforces. It supports
 * what `permissions.json` uses: allow and deny, wildcards in resources, and a few operators. An
 * unknown operator is an error.
 */
import type { Permission } from '../lib/shared';

/** A call as AWS evaluates it: the action, the resource, and the condition keys. */
export interface Call {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
}

/** Returns true if a statement allows the call and none denies it. */
export function isAllowed(statements: readonly Permission[], call: Call): boolean {
  const matching = statements.filter((statement) => matches(statement, call));
  return matching.length > 0 && matching.every(({ effect }) => effect !== 'Deny');
}

/** Returns true if a statement denies the call. */
export function isDenied(statements: readonly Permission[], call: Call): boolean {
  return statements.some((statement) => statement.effect === 'Deny' && matches(statement, call));
}

function matches(
  { actions, resources, condition }: Permission,
  { action, resource, context = {} }: Call,
): boolean {
  if (!actions.includes(action) || !resources.some((pattern) => like(pattern, resource)))
    return false;
  return Object.entries(condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, patterns]) => holds(operator, patterns, context[key])),
  );
}

function holds(operator: string, patterns: readonly string[], value: string | undefined): boolean {
  const [, name, ifExists] = /^(.*?)(IfExists)?$/.exec(operator)!;
  // In IAM, a negated operator matches if the key is missing.
  if (value === undefined) return ifExists !== undefined || name!.includes('Not');
  switch (name) {
    case 'StringEquals':
      return patterns.includes(value);
    case 'StringLike':
    case 'ArnLike':
      return patterns.some((pattern) => like(pattern, value));
    case 'ArnNotLike':
      return !patterns.some((pattern) => like(pattern, value));
    default:
      throw new Error(`unsupported condition operator ${operator}`);
  }
}

function like(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(text);
}
