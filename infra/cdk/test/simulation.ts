/**
 * A small judge of IAM statements, for what no emulator enforces. It knows what `permissions.json` uses and nothing else:
 * allow and deny, wildcards in resources, and a few operators; an operator that it does not know is an error.
 */
import type { Permission } from '../lib/shared';

/** A call as AWS sees it: the action, the resource, and what conditions may look at. */
export interface Call {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
}

/** Whether these statements allow the call: something allows it, and nothing denies it. */
export function isAllowed(statements: readonly Permission[], call: Call): boolean {
  const matching = statements.filter((statement) => matches(statement, call));
  return matching.length > 0 && matching.every(({ effect }) => effect !== 'Deny');
}

/** Whether these statements deny the call, whatever else allows it. */
export function isDenied(statements: readonly Permission[], call: Call): boolean {
  return statements.some((statement) => statement.effect === 'Deny' && matches(statement, call));
}

function matches({ actions, resources, condition }: Permission, { action, resource, context = {} }: Call): boolean {
  if (!actions.includes(action) || !resources.some((pattern) => like(pattern, resource))) return false;
  return Object.entries(condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, patterns]) => holds(operator, patterns, context[key])),
  );
}

function holds(operator: string, patterns: readonly string[], value: string | undefined): boolean {
  const [, name, ifExists] = /^(.*?)(IfExists)?$/.exec(operator)!;
  // IAM: a negated operator holds where the key is missing.
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
      throw new Error(`the judge does not know ${operator}`);
  }
}

function like(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(text);
}
