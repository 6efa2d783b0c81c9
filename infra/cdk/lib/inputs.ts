/**
 * The inputs of `infra/shared/inputs.json`, and the validation of a single value. Rules between
 * inputs are in `rules.ts`.
 */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { Token } from 'aws-cdk-lib';
import { isIP } from 'node:net';
import { read, settings } from './shared';

export interface Input {
  readonly name: string;
  readonly group: string;
  readonly type: 'string' | 'number' | 'bool' | 'list' | 'map' | 'path';
  readonly default: unknown;
  readonly required?: boolean;
  readonly allowed?: readonly unknown[];
  readonly least?: number;
  readonly most?: number;
  readonly pattern?: string;
  /** What the pattern matches, in words. */
  readonly expected?: string;
  /** The environment variable that it sets. */
  readonly variable?: string;
  /** The setting of settings.json that is its default. */
  readonly same_as?: string;
  readonly only?: string;
  readonly description: string;
}

const { inputs: all } = read<{ inputs: Input[] }>('inputs.json');

/** The inputs of the CDK app, by the names of the construct's properties. */
export const inputs: ReadonlyMap<string, Input> = new Map(
  all
    .filter(({ only }) => only === undefined || only === 'cdk')
    .map((input) => [camelCase(input.name), input]),
);

/** Returns the default of an input; null if it has none. */
export function inputDefault<T>(name: string): T {
  const input = inputs.get(name);
  if (input === undefined) throw new Error(`inputs.json: unknown input ${name}`);
  return input.default as T;
}

/**
 * Returns the problem of a value, if any. Unresolved tokens are accepted, because their value is
 * not known yet.
 */
export function inputProblem(key: string, input: Input, value: unknown): string | undefined {
  if (Token.isUnresolved(value)) return undefined;
  const expected = expectation(key, input, value);
  return expected && `expected ${expected}; got ${JSON.stringify(value)}`;
}

function expectation(key: string, input: Input, value: unknown): string | undefined {
  if (input.type === 'bool') return typeof value === 'boolean' ? undefined : 'true or false';
  if (input.type === 'number') return numberExpected(input, value);
  if (input.type === 'map') return isMap(value) ? undefined : 'names with texts';
  if (input.type === 'list') {
    if (!Array.isArray(value)) return 'a list';
    return value
      .map((item) => (Token.isUnresolved(item) ? undefined : textExpected(key, input, item)))
      .find((found) => found !== undefined);
  }
  return textExpected(key, input, value);
}

function isMap(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((item) => typeof item === 'string')
  );
}

function numberExpected({ allowed, least, most }: Input, value: unknown): string | undefined {
  if (allowed !== undefined)
    return allowed.includes(value) ? undefined : `one of ${allowed.join(', ')}`;
  const inside =
    Number.isInteger(value) &&
    (value as number) >= (least ?? 0) &&
    (value as number) <= (most ?? Infinity);
  return inside ? undefined : `a whole number from ${least} to ${most}`;
}

function textExpected(
  key: string,
  { allowed, pattern, expected }: Input,
  value: unknown,
): string | undefined {
  if (typeof value !== 'string') return 'text';
  if (allowed !== undefined) return allowed.includes(value) ? undefined : allowed.join(' or ');
  if (pattern !== undefined && !new RegExp(pattern).test(value)) return expected;
  return MORE[key]?.(value);
}

/** Conditions that a pattern cannot express. */
const MORE: Readonly<Record<string, (text: string) => string | undefined>> = {
  vaultAddr: (text) =>
    URL.canParse(text) ? undefined : 'an address with a valid host and a port from 0 to 65535',
  vaultAuthMount: noDots,
  vaultMount: noDots,
  vaultPathPrefix: noDots,
  vaultCidrs: range,
  endpointCidrs: range,
  userList: (text) =>
    ['.', '..'].includes(text) ? 'names of users, and neither . nor ..' : undefined,
};

function noDots(text: string): string | undefined {
  return text.split('/').some((segment) => segment === '.' || segment === '..')
    ? 'a path without . or .. as a segment'
    : undefined;
}

function range(text: string): string | undefined {
  const [address, bits] = text.split('/');
  const number = address!.split('.').reduce((total, part) => total * 256 + Number(part), 0);
  return isIP(address!) === 4 && number % 2 ** (32 - Number(bits)) === 0
    ? undefined
    : 'IPv4 ranges without host bits, such as 10.1.0.0/16 and not 10.1.2.3/16';
}

/** Returns a problem of each input file, which a deployment needs and a destroy does not. */
export function fileProblems({ zip, vaultCaFile, targetsFile }: Files): string[] {
  return [
    zip === undefined ? [] : problemOf('zip', () => readZip(zip)),
    vaultCaFile === undefined ? [] : problemOf('vaultCaFile', () => readCertificates(vaultCaFile)),
    targetsFile === undefined ? [] : problemOf('targetsFile', () => readTargets(targetsFile)),
  ].flat();
}

interface Files {
  readonly zip?: string;
  readonly vaultCaFile?: string;
  readonly targetsFile?: string;
}

function problemOf(key: string, read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    return [`${key}: expected ${(error as Error).message}`];
  }
}

function readZip(file: string): void {
  const bytes = readBytes(file);
  if (bytes.subarray(0, 2).toString('latin1') !== 'PK')
    throw new Error('a zip file with the binary bootstrap at its root');
}

/** Returns the certificates of a PEM file, without any text around them. */
export function readCertificates(file: string): string {
  const content = readBytes(file).toString('utf8');
  if (content.includes('PRIVATE KEY'))
    throw new Error('only the certificate of the CA, but the file contains a private key');
  const certificates = content.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (certificates === null) throw new Error('a PEM file with the certificate of the CA');
  return certificates.map((certificate) => certificate.replaceAll('\r', '')).join('\n') + '\n';
}

/** Returns the text of a targets document. Its content is checked by `keysync targets check`. */
export function readTargets(file: string): string {
  const bytes = readBytes(file);
  const { value: most } = settings.targets.maximumBytes;
  if (bytes.length > most) throw new Error(`at most ${most} bytes; got ${bytes.length}`);
  const text = bytes.toString('utf8');
  if (!isUtf8(bytes) || !isJsonObject(text)) throw new Error('a JSON object');
  return text;
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`a readable file (${code}: ${path.resolve(file)})`);
  }
}

/** Returns the property's name of an input. */
export function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
