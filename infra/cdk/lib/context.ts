/**
 * The command line's context (`-c key=value`): reads and checks all of it, and reports all problems together.
 */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { certificateFile, integer, matching, oneOf, vaultAddress, vaultPath, zipFile, type ValueReader } from './context-values';
import { refusal } from './environment';
import { LOG_LEVELS, ON_USER_DELETED, type IamKeySyncProps } from './props';
import { settings } from './shared';

/** Everything that is wrong with the context, one line each. */
export class ContextError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(['The context is not complete or not valid (see README.md for every key):', ...problems].join('\n  '));
  }
}

const ARCHITECTURES = { arm64: Architecture.ARM_64, x86_64: Architecture.X86_64 };
const REMOVAL_POLICIES = { retain: RemovalPolicy.RETAIN, destroy: RemovalPolicy.DESTROY };

// Nothing passes that the function refuses: it would fail at its first event, not at the deployment.
const { leastTimeoutSeconds } = settings.function;
const readers = {
  zip: zipFile,
  architecture: oneOf(['arm64', 'x86_64']),
  vaultAddr: vaultAddress,
  vaultCaFile: certificateFile,
  vaultNamespace: matching(/^[!-~]+$/, 'a namespace of visible ASCII characters, without spaces'),
  vaultMount: vaultPath,
  vaultPathPrefix: vaultPath,
  parameterPrefix: matching(/^(\/[A-Za-z0-9_.-]+)+\/$/, 'a path that starts and ends with a slash, such as /iam_users/'),
  parameterSuffix: matching(/^[A-Za-z0-9_.-]+$/, 'letters, digits, underscore, dot or hyphen, such as _keys'),
  userTable: matching(/^(-|[A-Za-z0-9_.-]{3,255})$/, 'the name of a DynamoDB table, or - for none'),
  logLevel: oneOf(LOG_LEVELS),
  onUserDeleted: oneOf(ON_USER_DELETED),
  functionTimeoutSeconds: integer(leastTimeoutSeconds.value, 900, 'the function waits for late reads, and keeps time to answer'),
  queueVisibilitySeconds: integer(2, 43200),
  maxConcurrency: integer(2, 1000),
  removalPolicy: oneOf(['retain', 'destroy']),
} satisfies Record<string, ValueReader<unknown>>;

type Key = keyof typeof readers;
type Values = { [K in Key]?: ReturnType<(typeof readers)[K]> };
const REQUIRED: readonly Key[] = ['zip', 'vaultAddr'];

/** The construct's properties from the app's context; throws `ContextError`. */
export function readContext(context: Readonly<Record<string, unknown>>): IamKeySyncProps {
  const problems = unknownKeys(context);
  const values: Record<string, unknown> = {};
  for (const [key, reader] of Object.entries(readers)) {
    const given = context[key];
    if (given === undefined) {
      if (REQUIRED.includes(key as Key)) problems.push(`${key}: required; give it as -c ${key}=…`);
      continue;
    }
    try {
      values[key] = reader(String(given));
    } catch (error) {
      problems.push(`${key}: ${(error as Error).message}; got "${given}"`);
    }
  }
  problems.push(...contradictions(values));
  if (problems.length > 0) throw new ContextError(problems);
  const props = toProps(values);
  const refused = refusal(props);
  if (refused !== undefined) throw new ContextError([`vaultCaFile: ${refused}`]);
  return props;
}

/** A misspelt key would otherwise be ignored. Keys with other characters belong to the CDK. */
function unknownKeys(context: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(context)
    .filter((key) => /^[A-Za-z]+$/.test(key) && !Object.hasOwn(readers, key))
    .map((key) => `${key}: unknown key; expected one of ${Object.keys(readers).join(', ')}`);
}

function contradictions(values: Values): string[] {
  const timeout = values.functionTimeoutSeconds ?? settings.function.timeoutSeconds.value;
  const visibility = values.queueVisibilitySeconds;
  if (visibility === undefined || visibility > timeout) return [];
  return [`queueVisibilitySeconds: expected more than functionTimeoutSeconds (${timeout}); got "${visibility}"`];
}

function toProps(values: Values): IamKeySyncProps {
  return {
    zipPath: values.zip!,
    architecture: values.architecture && ARCHITECTURES[values.architecture],
    vaultAddress: values.vaultAddr!,
    vaultCaCertificate: values.vaultCaFile,
    vaultNamespace: values.vaultNamespace,
    vaultMount: values.vaultMount,
    vaultPathPrefix: values.vaultPathPrefix,
    parameterPrefix: values.parameterPrefix,
    parameterSuffix: values.parameterSuffix,
    userTable: values.userTable,
    logLevel: values.logLevel,
    onUserDeleted: values.onUserDeleted,
    functionTimeout: seconds(values.functionTimeoutSeconds),
    queueVisibilityTimeout: seconds(values.queueVisibilitySeconds),
    maxConcurrency: values.maxConcurrency,
    removalPolicy: values.removalPolicy && REMOVAL_POLICIES[values.removalPolicy],
  };
}

function seconds(value: number | undefined): Duration | undefined {
  return value === undefined ? undefined : Duration.seconds(value);
}
