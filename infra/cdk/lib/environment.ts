/**
 * The function's environment variables, and whether Lambda will take them.
 */
import { Token } from 'aws-cdk-lib';
import type { IamKeySyncProps } from './props';
import { environmentDefault } from './shared';

export type Variables = Readonly<Record<string, string>>;

// Lambda's limit for all variables of a function together. It measures them as one JSON object, in which each line break of a
// certificate takes two bytes.
const BYTES_LIMIT = 4096;
const BUCKET_NAME_LONGEST = 63;

/** What the role or the rule also depend on is always set; the rest only when the deployment chose it. */
export function variables(props: IamKeySyncProps, bucketName: string): Variables {
  const all: Record<string, string | undefined> = {
    VAULT_ADDR: props.vaultAddress,
    VAULT_CACERT_BYTES: props.vaultCaCertificate,
    VAULT_NAMESPACE: props.vaultNamespace,
    VAULT_MOUNT: props.vaultMount,
    VAULT_PATH_PREFIX: props.vaultPathPrefix,
    S3_BUCKET_NAME: bucketName,
    SSM_PARAMETER_PREFIX: props.parameterPrefix ?? environmentDefault('SSM_PARAMETER_PREFIX'),
    SSM_PARAMETER_SUFFIX: props.parameterSuffix ?? environmentDefault('SSM_PARAMETER_SUFFIX'),
    IAM_USER_TABLE: props.userTable ?? environmentDefault('IAM_USER_TABLE'),
    LOG_LEVEL: props.logLevel,
    ON_USER_DELETED: props.onUserDeleted,
  };
  const chosen = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(chosen);
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
