/**
 * How one value of the command line is read. Each reader returns the value or throws what was expected.
 */
import { readFileSync } from 'node:fs';
import * as path from 'node:path';

export type ValueReader<T> = (text: string) => T;

// Lambda limits all variables of a function to 4 KB together; this leaves room for the others.
const CA_BYTES_LIMIT = 3072;

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): ValueReader<T> {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found === undefined) throw new Error(`expected ${words.join(' or ')}`);
    return found;
  };
}

/** A whole number within limits. */
export function integer(least: number, most: number): ValueReader<number> {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new Error(`expected a whole number from ${least} to ${most}`);
    }
    return value;
  };
}

/** Text that a pattern describes; `expected` says it in words. */
export function matching(pattern: RegExp, expected: string): ValueReader<string> {
  return (text) => {
    if (!pattern.test(text)) throw new Error(`expected ${expected}`);
    return text;
  };
}

/** Path of an existing zip file. */
export function zipFile(text: string): string {
  const bytes = readFile(text);
  if (bytes.subarray(0, 2).toString('latin1') !== 'PK') {
    throw new Error('expected a zip file with the binary bootstrap at its root');
  }
  return path.resolve(text);
}

/** Address that the function accepts: https, or http for a loopback host. */
export function vaultAddress(text: string): string {
  const expected = new Error('expected https://host[:port], or http:// for a loopback host, without user, query or fragment');
  if (!URL.canParse(text)) throw expected;
  const url = new URL(text);
  const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && loopback);
  if (!secure || url.username || url.password || url.search || url.hash) throw expected;
  return text;
}

/** Path of a PEM file; returns its certificates without anything around them. */
export function certificateFile(text: string): string {
  const content = readFile(text).toString('utf8');
  if (content.includes('PRIVATE KEY')) {
    throw new Error('the file holds a private key; expected only the certificate of the CA');
  }
  const certificates = content.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (certificates === null) throw new Error('expected a PEM file with the certificate of the CA');
  const pem = certificates.join('\n') + '\n';
  if (Buffer.byteLength(pem) > CA_BYTES_LIMIT) {
    throw new Error(
      `${Buffer.byteLength(pem)} bytes of certificates do not fit into the function's environment; ` +
        `expected at most ${CA_BYTES_LIMIT}: keep only the CA that issued Vault's certificate`,
    );
  }
  return pem;
}

function readFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`expected a file that can be read (${code}, looked for ${path.resolve(file)})`);
  }
}
