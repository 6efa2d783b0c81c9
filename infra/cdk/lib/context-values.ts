/**
 * How one value of the command line is read. Each reader returns the value or throws what was expected.
 */
import { readFileSync } from 'node:fs';
import * as path from 'node:path';

export type ValueReader<T> = (text: string) => T;

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): ValueReader<T> {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found === undefined) throw new Error(`expected ${words.join(' or ')}`);
    return found;
  };
}

/** A whole number within limits; `why` says where the lower one comes from. */
export function integer(least: number, most: number, why?: string): ValueReader<number> {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new Error(`expected a whole number from ${least} to ${most}${why === undefined ? '' : ` (${why})`}`);
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
  const expected = new Error('expected https://host[:port], or http:// for a loopback host, without user, path, query or fragment');
  // `URL` forgets an empty user, query or fragment, and drops white space.
  if (/[@?#\s]/.test(text) || !URL.canParse(text)) throw expected;
  const url = new URL(text);
  const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && loopback);
  if (!secure || url.pathname !== '/') throw expected;
  return text;
}

/** A mount or path in Vault; slashes around it do not count. */
export function vaultPath(text: string): string {
  const segments = text.replace(/^\/+|\/+$/g, '').split('/');
  if (segments.some((segment) => !/^[A-Za-z0-9_.-]+$/.test(segment) || segment === '.' || segment === '..')) {
    throw new Error('expected a path of A-Z a-z 0-9 - _ . between single slashes, without . or .. as a segment');
  }
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
  return certificates.map((certificate) => certificate.replaceAll('\r', '')).join('\n') + '\n';
}

function readFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`expected a file that can be read (${code}, looked for ${path.resolve(file)})`);
  }
}
