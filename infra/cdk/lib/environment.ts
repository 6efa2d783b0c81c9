/**
 * The function's environment variables, and the check of Lambda's limit for them.
 */
import { Token } from 'aws-cdk-lib';
import { fileProblems, inputs, readCertificates } from './inputs';
import type { IamKeySyncProps } from './props';
import { environmentDefault } from './shared';

export type Variables = Readonly<Record<string, string>>;

// Lambda's limit for all variables of a function together. Lambda measures them as one JSON object,
// in which each line break of a certificate takes two bytes.
const BYTES_LIMIT = 4096;
const MAX_BUCKET_NAME = 63;

// Always set, because the role or the rule depends on them too.
const ALWAYS = ['SSM_PARAMETER_PREFIX', 'SSM_PARAMETER_SUFFIX', 'IAM_USER_TABLE'];

/**
 * Returns the variables: the bucket, those on which role or rule depend, and those of given inputs.
 */
export function variables(props: IamKeySyncProps, bucketName: string): Variables {
  const all: Record<string, string> = { S3_BUCKET_NAME: bucketName };
  const unreadable = fileProblems({ vaultCaFile: props.vaultCaFile }).length > 0;
  for (const name of ALWAYS) all[name] = environmentDefault(name);
  for (const [key, { variable, type }] of inputs) {
    const value = props[key as keyof IamKeySyncProps];
    if (variable === undefined || value === undefined) continue;
    if (type === 'path' && unreadable) continue;
    const text = Array.isArray(value) ? value.join(',') : String(value);
    if (text !== '') all[variable] = type === 'path' ? readCertificates(text) : text;
  }
  return all;
}

/** Returns a problem if Lambda would reject the environment, before anything is deployed. */
export function environmentProblem(props: IamKeySyncProps): string[] {
  const all = Object.entries(variables(props, 'b'.repeat(MAX_BUCKET_NAME)));
  const known = all.filter(([, value]) => !Token.isUnresolved(value));
  const bytes = Buffer.byteLength(JSON.stringify(Object.fromEntries(known)));
  if (bytes <= BYTES_LIMIT) return [];
  const size = ([, value]: [string, string]) => Buffer.byteLength(JSON.stringify(value));
  const [largest] = known.reduce((one, other) => (size(other) > size(one) ? other : one));
  const [key] = [...inputs].find(([, { variable }]) => variable === largest) ?? [largest];
  const remedy =
    key === 'vaultCaFile' ? "keep only the CA that issued Vault's certificate" : 'shorten it';
  return [
    `${key}: expected an environment of at most ${BYTES_LIMIT} bytes, the limit of Lambda; ` +
      `got ${bytes}, most of them in ${largest}; ${remedy}`,
  ];
}
