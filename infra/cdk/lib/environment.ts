/**
 * The function's environment variables, and whether Lambda will take them.
 */
import { Token } from 'aws-cdk-lib';
import { inputs, readCertificates } from './inputs';
import type { IamKeySyncProps } from './props';
import { environmentDefault } from './shared';

export type Variables = Readonly<Record<string, string>>;

// Lambda's limit for all variables of a function together. It measures them as one JSON object, in which each line break of a
// certificate takes two bytes.
const BYTES_LIMIT = 4096;
const BUCKET_NAME_LONGEST = 63;

// The role and the rule depend on these, so they are set even when the deployment did not choose them.
const ALWAYS = ['SSM_PARAMETER_PREFIX', 'SSM_PARAMETER_SUFFIX', 'IAM_USER_TABLE'];

/** The bucket, what role and rule also depend on, and what the deployment chose. */
export function variables(props: IamKeySyncProps, bucketName: string): Variables {
  const all: Record<string, string> = { S3_BUCKET_NAME: bucketName };
  for (const name of ALWAYS) all[name] = environmentDefault(name);
  for (const [key, { variable, type }] of inputs) {
    const value = props[key as keyof IamKeySyncProps];
    if (variable === undefined || value === undefined) continue;
    const text = Array.isArray(value) ? value.join(',') : String(value);
    if (text !== '') all[variable] = type === 'path' ? readCertificates(text) : text;
  }
  return all;
}

/** Why Lambda would refuse the environment of such a function, if it would; before anything is deployed. */
export function refusal(props: IamKeySyncProps): string | undefined {
  const all = Object.entries(variables(props, 'b'.repeat(BUCKET_NAME_LONGEST)));
  const known = all.filter(([, value]) => !Token.isUnresolved(value));
  const bytes = Buffer.byteLength(JSON.stringify(Object.fromEntries(known)));
  if (bytes <= BYTES_LIMIT) return undefined;
  return (
    `the function's environment would take ${bytes} bytes, and Lambda accepts ${BYTES_LIMIT}; expected ${bytes - BYTES_LIMIT} ` +
    "bytes less: keep only the CA that issued Vault's certificate"
  );
}
