/**
 * Reads the context of the command line (`-c key=value`), which holds the construct's properties as
 * text. Reports all problems together.
 */
import { camelCase, inputs, type Input } from './inputs';
import type { AppProps } from './props';
import { validate } from './rules';

/** An invalid context; holds one line for each problem. */
export class ContextError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(
      ['context: incomplete or invalid; README.md describes every key', ...problems].join('\n  '),
    );
  }
}

/** Returns the app's properties from its context; throws `ContextError`. */
export function readContext(context: Readonly<Record<string, unknown>>): AppProps {
  const values: Record<string, unknown> = {};
  for (const [key, input] of inputs) {
    if (context[key] !== undefined) values[key] = fromText(input, context[key]);
  }
  const props = values as unknown as AppProps;
  const problems = [...unknownKeys(context), ...validate(props)];
  if (problems.length > 0) throw new ContextError(problems);
  return props;
}

/**
 * Converts text to the input's type. Text that cannot be converted is returned unchanged, so that
 * validation rejects it.
 */
function fromText({ type }: Input, given: unknown): unknown {
  if (typeof given !== 'string')
    return type === 'string' || type === 'path' ? String(given) : given;
  if (type === 'number') return /^\d+$/.test(given) ? Number(given) : given;
  if (type === 'bool') return given === 'true' ? true : given === 'false' ? false : given;
  if (type === 'map') return mapOf(given);
  if (type === 'list') return given === '' ? [] : given.split(',').map((item) => item.trim());
  return given;
}

/** Returns the map of a text such as `A=1,B=2`; the text itself if an item has no `=`. */
function mapOf(text: string): unknown {
  const items = text === '' ? [] : text.split(',').map((item) => /^([^=]+)=(.*)$/.exec(item.trim()));
  return items.includes(null) ? text : Object.fromEntries(items.map((item) => item!.slice(1)));
}

/**
 * Reports misspelt keys, which would otherwise be ignored, such as the names of Terraform. Keys with
 * other characters belong to the CDK.
 */
function unknownKeys(context: Readonly<Record<string, unknown>>): string[] {
  const expected = (key: string) =>
    inputs.has(camelCase(key)) ? camelCase(key) : `one of ${[...inputs.keys()].join(', ')}`;
  return Object.keys(context)
    .filter((key) => /^\w+$/.test(key) && !inputs.has(key))
    .map((key) => `${key}: unknown key; expected ${expected(key)}`);
}
