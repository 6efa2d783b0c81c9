/**
 * The properties of the construct: the inputs of `infra/shared/inputs.json`, which describes them
 * and their limits.
 */

/** The value of `userTable` that disables the roster. */
export const NO_ROSTER = '-';

export interface IamKeySyncProps {
  /**
   * Path of the function's zip, with the binary `bootstrap` at its root. This or `packageBucket`.
   */
  readonly zip?: string;
  /** Bucket that holds the zip, in the Region of the stack. */
  readonly packageBucket?: string;
  readonly packageKey?: string;
  readonly packageVersion?: string;
  /** @default arm64 */
  readonly architecture?: 'arm64' | 'x86_64';
  readonly codeSigningConfigArn?: string;

  /** Address of Vault, such as https://vault.example.org:8200. */
  readonly vaultAddr: string;
  /**
   * PEM file with the CA that issued Vault's certificate; no other CA is trusted. @default the
   * system's CAs
   */
  readonly vaultCaFile?: string;
  readonly vaultNamespace?: string;
  /** A stored token, or a login with the function's role. @default token */
  readonly vaultAuthMethod?: 'token' | 'aws';
  /** Role of the login, and required for it. */
  readonly vaultAuthRole?: string;
  /** Mount of the login. @default aws */
  readonly vaultAuthMount?: string;
  /** Region of STS for the login. @default the Region of the deployment */
  readonly vaultAuthAwsRegion?: string;
  /** Server id of the login. @default none */
  readonly vaultAuthAwsServerId?: string;
  /** @default secret */
  readonly vaultMount?: string;
  /** @default aws/iam-keys */
  readonly vaultPathPrefix?: string;
  /** JSON file with the targets document. @default the object in the bucket is left alone */
  readonly targetsFile?: string;
  /** @default 24 */
  readonly tokenRefreshThresholdHours?: number;

  /** Starts and ends with a slash. @default /iam_users/ */
  readonly parameterPrefix?: string;
  /** @default _keys */
  readonly parameterSuffix?: string;
  /** Customer-managed key of the parameters. @default they use aws/ssm */
  readonly parameterKmsKeyArn?: string;
  /** DynamoDB table with the roster of users, or `NO_ROSTER`. @default BCGOV_IAM_USER_TABLE */
  readonly userTable?: string;
  /** Users that reconcile runs process. @default all users */
  readonly userList?: readonly string[];
  /** @default retain */
  readonly onUserDeleted?: 'retain' | 'soft-delete';
  /** @default 24 */
  readonly syncIntervalHours?: number;

  /** @default 120 */
  readonly functionTimeoutSeconds?: number;
  /** @default 256 */
  readonly memoryMib?: number;
  /** Taken from the account's concurrency. @default none is reserved */
  readonly reservedConcurrency?: number;
  /** X-Ray. @default false */
  readonly tracing?: boolean;
  /** @default info */
  readonly logLevel?: 'error' | 'warn' | 'info' | 'debug' | 'trace';
  /** @default 365 */
  readonly logRetentionDays?: number;
  /** An existing log group. @default a log group is created */
  readonly logGroupName?: string;
  /** @default 16 */
  readonly syncConcurrency?: number;
  /** @default 10 */
  readonly ssmMaxCallsPerSecond?: number;
  /** Permissions boundary of the created roles. @default none */
  readonly permissionsBoundaryArn?: string;
  /** IAM path of the created roles. @default / */
  readonly rolePath?: string;
  /** @default a role is created */
  readonly functionRoleArn?: string;
  /** @default a role is created */
  readonly schedulerRoleArn?: string;

  /**
   * Must be longer than the function's timeout. @default twice the function's timeout, at least 216
   */
  readonly queueVisibilitySeconds?: number;
  /** @default 15 */
  readonly queueDelaySeconds?: number;
  /** @default 2 */
  readonly maxConcurrency?: number;
  /** With false, the service is paused. @default true */
  readonly enabled?: boolean;

  /** @default America/Vancouver */
  readonly scheduleTimeZone?: string;
  readonly sweepSchedule?: string;
  readonly tokenRefreshSchedule?: string;

  /** VPC with a route to Vault. @default Lambda's own network */
  readonly vpcId?: string;
  readonly subnetIds?: readonly string[];
  /** IPv4 ranges of Vault. */
  readonly vaultCidrs?: readonly string[];
  /** IPv4 ranges of interface endpoints. */
  readonly endpointCidrs?: readonly string[];
  /** Prefix lists of gateway endpoints. */
  readonly endpointPrefixListIds?: readonly string[];
  /** Security groups of interface endpoints in the same VPC. */
  readonly endpointSecurityGroupIds?: readonly string[];
  /** Further security groups of the function. */
  readonly additionalSecurityGroupIds?: readonly string[];
  /** Endpoints to create. @default none */
  readonly vpcEndpoints?: readonly ('ssm' | 's3' | 'dynamodb')[];
  readonly routeTableIds?: readonly string[];

  /**
   * Key for the bucket, the queues and the topic. Its policy must contain the statements of
   * key-policy.json.
   */
  readonly kmsKeyArn?: string;
  /** Whether to create a key if none is given. @default true */
  readonly createKmsKey?: boolean;
  /** Keys that encrypted the bucket or the queues before; used only to decrypt. */
  readonly earlierKmsKeyArns?: readonly string[];
  /** @default false */
  readonly encryptLogs?: boolean;

  /** @default a topic is created */
  readonly alarmTopicArn?: string;
  /** @default the topic of the other alarms */
  readonly pageTopicArn?: string;
  /** Addresses to subscribe to the created topic. */
  readonly alarmEmails?: readonly string[];

  /** Name of the bucket, if it must be fixed. */
  readonly bucketName?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Handling of the bucket and the logs when the stack is destroyed. @default retain */
  readonly removalPolicy?: 'retain' | 'destroy';
}

/** Returns whether the function logs in at Vault, and stores no token. */
export function logsIn({ vaultAuthMethod }: IamKeySyncProps): boolean {
  return vaultAuthMethod === 'aws';
}

/** The properties of the app. */
export interface AppProps extends IamKeySyncProps {
  /** @default IamKeySync */
  readonly stackName?: string;
}

/**
 * The names of all properties. The compiler compares them with the interface, and a test with
 * inputs.json.
 */
export const PROPERTIES = [
  'zip',
  'packageBucket',
  'packageKey',
  'packageVersion',
  'architecture',
  'codeSigningConfigArn',
  'vaultAddr',
  'vaultCaFile',
  'vaultNamespace',
  'vaultAuthMethod',
  'vaultAuthRole',
  'vaultAuthMount',
  'vaultAuthAwsRegion',
  'vaultAuthAwsServerId',
  'vaultMount',
  'vaultPathPrefix',
  'targetsFile',
  'tokenRefreshThresholdHours',
  'parameterPrefix',
  'parameterSuffix',
  'parameterKmsKeyArn',
  'userTable',
  'userList',
  'onUserDeleted',
  'syncIntervalHours',
  'functionTimeoutSeconds',
  'memoryMib',
  'reservedConcurrency',
  'tracing',
  'logLevel',
  'logRetentionDays',
  'logGroupName',
  'syncConcurrency',
  'ssmMaxCallsPerSecond',
  'permissionsBoundaryArn',
  'rolePath',
  'functionRoleArn',
  'schedulerRoleArn',
  'queueVisibilitySeconds',
  'queueDelaySeconds',
  'maxConcurrency',
  'enabled',
  'scheduleTimeZone',
  'sweepSchedule',
  'tokenRefreshSchedule',
  'vpcId',
  'subnetIds',
  'vaultCidrs',
  'endpointCidrs',
  'endpointPrefixListIds',
  'endpointSecurityGroupIds',
  'additionalSecurityGroupIds',
  'vpcEndpoints',
  'routeTableIds',
  'kmsKeyArn',
  'createKmsKey',
  'earlierKmsKeyArns',
  'encryptLogs',
  'alarmTopicArn',
  'pageTopicArn',
  'alarmEmails',
  'bucketName',
  'tags',
  'removalPolicy',
  'stackName',
] as const satisfies readonly (keyof AppProps)[];

/** Fails to compile if a property is missing from the list. */
type Missing = Exclude<keyof AppProps, (typeof PROPERTIES)[number]>;
export const NONE_IS_MISSING: [Missing] extends [never] ? true : Missing = true;
