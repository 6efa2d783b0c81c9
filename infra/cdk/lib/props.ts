/**
 * What a deployment may choose. Defaults come from `infra/shared`.
 */
import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { Architecture } from 'aws-cdk-lib/aws-lambda';

/** The levels that the function knows. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;
/** What may happen in Vault to a user who was removed. */
export const ON_USER_DELETED = ['retain', 'soft-delete'] as const;
/** Value of `userTable` that switches the roster off. */
export const NO_ROSTER = '-';

export interface IamKeySyncProps {
  /** Path of the function's zip, with the binary `bootstrap` at its root. */
  readonly zipPath: string;
  /** Processor architecture that the binary was built for. @default arm64 */
  readonly architecture?: Architecture;

  /** Address of Vault, such as https://vault.example.org:8200. */
  readonly vaultAddress: string;
  /** PEM text of the CA that Vault's certificate comes from; it is trusted alone. @default the system's CAs */
  readonly vaultCaCertificate?: string;
  /** Vault namespace. @default none */
  readonly vaultNamespace?: string;
  /** Mount of the KV v2 engine. @default as VAULT_MOUNT in environment.json */
  readonly vaultMount?: string;
  /** Path below the mount. @default as VAULT_PATH_PREFIX in environment.json */
  readonly vaultPathPrefix?: string;

  /** What stands before the user in a parameter's name; starts and ends with a slash. @default /iam_users/ */
  readonly parameterPrefix?: string;
  /** What stands after the user in a parameter's name. @default _keys */
  readonly parameterSuffix?: string;
  /** DynamoDB table with the roster of users; `NO_ROSTER` switches it off. @default BCGOV_IAM_USER_TABLE */
  readonly userTable?: string;

  /** @default info */
  readonly logLevel?: (typeof LOG_LEVELS)[number];
  /** What happens in Vault when a user is removed. @default retain */
  readonly onUserDeleted?: (typeof ON_USER_DELETED)[number];

  /** At least 10 seconds, because the function keeps time in hand for late reads and for its answer. @default 120 seconds */
  readonly functionTimeout?: Duration;
  /** Must be longer than the function's timeout. @default twice the function's timeout, at least 216 seconds */
  readonly queueVisibilityTimeout?: Duration;
  /** How many batches are worked on at the same time, 2 to 1000. @default 2 */
  readonly maxConcurrency?: number;

  /** What happens to bucket and logs when the stack is deleted. @default RETAIN */
  readonly removalPolicy?: RemovalPolicy;
}
