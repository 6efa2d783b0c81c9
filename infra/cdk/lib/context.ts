/**
 * The command line's context (`-c key=value`): the construct's properties as text. Reports all problems together.
 */
import { inputs, type Input } from './inputs';
import type { IamKeySyncProps } from './props';
import { problemsOf } from './rules';

/** Everything that is wrong with the context, one line each. */
export class ContextError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(['The context is not complete or not valid (see README.md for every key):', ...problems].join('\n  '));
  }
}

/** The construct's properties from the app's context; throws `ContextError`. */
export function readContext(context: Readonly<Record<string, unknown>>): IamKeySyncProps {
  const values: Record<string, unknown> = {};
  for (const [key, input] of inputs) {
    if (context[key] !== undefined) values[key] = fromText(input, context[key]);
  }
  const props = values as unknown as IamKeySyncProps;
  const problems = [...unknownKeys(context), ...problemsOf(props)];
  if (problems.length > 0) throw new ContextError(problems);
  return props;
}

/** The value that a text stands for; one that it does not stand for is left as it is, for the rules to refuse. */
function fromText({ type }: Input, given: unknown): unknown {
  if (typeof given !== 'string') return type === 'string' || type === 'path' ? String(given) : given;
  if (type === 'number') return /^\d+$/.test(given) ? Number(given) : given;
  if (type === 'bool') return given === 'true' ? true : given === 'false' ? false : given;
  if (type === 'list') return given === '' ? [] : given.split(',').map((item) => item.trim());
  return given;
}

/** A misspelt key would otherwise be ignored. Keys with other characters belong to the CDK. */
function unknownKeys(context: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(context)
    .filter((key) => /^[A-Za-z]+$/.test(key) && !inputs.has(key))
    .map((key) => `${key}: unknown key; expected one of ${[...inputs.keys()].join(', ')}`);
}
