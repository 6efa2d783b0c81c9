/**
 * Validates the properties before anything is deployed: each one by itself, and the rules between
 * them that `infra/shared/inputs.json` describes. Reports all problems together.
 */
import { Token } from 'aws-cdk-lib';
import { environmentProblem } from './environment';
import { inputDefault, inputProblem, inputs } from './inputs';
import { logsIn, type AppProps } from './props';

/** Returns one line for each problem, which begins with the property's name. */
export function validate(props: AppProps): string[] {
  const single: string[] = [];
  for (const [key, input] of inputs) {
    const value = props[key as keyof AppProps];
    if (value === undefined) {
      if (input.required) single.push(`${key}: required`);
      continue;
    }
    const problem = inputProblem(key, input, value);
    if (problem !== undefined) single.push(`${key}: ${problem}`);
  }
  const problems = [
    ...single,
    ...packageRules(props),
    ...loginRules(props),
    ...networkRules(props),
    ...otherRules(props),
  ];
  // The other rules need valid values.
  if (single.length > 0) return problems;
  return [...problems, ...timeRules(props), ...environmentProblem(props)];
}

function packageRules(props: AppProps): string[] {
  const { zip, packageBucket, packageKey, packageVersion } = props;
  return violated(
    [
      (zip === undefined) === (packageBucket === undefined),
      'zip: expected exactly one of zip and packageBucket',
    ],
    [
      (packageBucket === undefined) !== (packageKey === undefined),
      'packageKey: expected both packageBucket and packageKey, or neither',
    ],
    [
      packageVersion !== undefined && packageBucket === undefined,
      'packageVersion: expected only with packageBucket',
    ],
  );
}

function loginRules(props: AppProps): string[] {
  const { vaultAuthRole, vaultAuthMount, vaultAuthAwsRegion, vaultAuthAwsServerId } = props;
  const ofLogin = { vaultAuthRole, vaultAuthMount, vaultAuthAwsRegion, vaultAuthAwsServerId };
  return violated(
    [
      logsIn(props) && vaultAuthRole === undefined,
      'vaultAuthRole: expected with vaultAuthMethod=aws',
    ],
    ...Object.entries(ofLogin).map(([key, value]): Rule => [
      !logsIn(props) && value !== undefined,
      `${key}: expected only with vaultAuthMethod=aws`,
    ]),
  );
}

function timeRules(props: AppProps): string[] {
  const timeout = props.functionTimeoutSeconds ?? inputDefault<number>('functionTimeoutSeconds');
  const batches = props.maxConcurrency ?? inputDefault<number>('maxConcurrency');
  const { queueVisibilitySeconds: visibility, reservedConcurrency: reserved } = props;
  return violated(
    [
      known(visibility, timeout) && visibility! <= timeout,
      `queueVisibilitySeconds: expected more than functionTimeoutSeconds (${timeout}), or a message ` +
        `is delivered again while it is still being processed; got ${visibility}`,
    ],
    [
      known(reserved, batches) && reserved! <= batches,
      `reservedConcurrency: expected more than maxConcurrency (${batches}), so that a reconcile run ` +
        `has capacity beside the events; got ${reserved}`,
    ],
  );
}

function networkRules(props: AppProps): string[] {
  const {
    vpcId,
    subnetIds,
    vaultCidrs,
    endpointCidrs,
    endpointPrefixListIds,
    endpointSecurityGroupIds,
    vpcEndpoints,
    routeTableIds,
    additionalSecurityGroupIds,
  } = props;
  const endpoints = {
    endpointCidrs,
    endpointPrefixListIds,
    endpointSecurityGroupIds,
    vpcEndpoints,
  };
  const inside = [vpcId !== undefined, hasItems(subnetIds), hasItems(vaultCidrs)];
  const gateways = (vpcEndpoints ?? []).filter((service) => service !== 'ssm');
  return violated(
    [
      inside.includes(true) && inside.includes(false),
      'vpcId: expected all of vpcId, subnetIds and vaultCidrs, or none',
    ],
    ...Object.entries({ ...endpoints, routeTableIds, additionalSecurityGroupIds }).map(
      ([key, value]): Rule => [
        vpcId === undefined && hasItems(value),
        `${key}: expected only with vpcId`,
      ],
    ),
    [
      vpcId !== undefined && !Object.values(endpoints).some(hasItems),
      `vpcId: expected at least one of ${Object.keys(endpoints).join(', ')} with it, ` +
        'or the function reaches no AWS service',
    ],
    [
      gateways.length > 0 && !(hasItems(routeTableIds) && hasItems(endpointPrefixListIds)),
      `vpcEndpoints: expected routeTableIds and endpointPrefixListIds with ${gateways.join(' and ')}`,
    ],
  );
}

function otherRules(props: AppProps): string[] {
  return violated(
    [
      props.encryptLogs === true && props.kmsKeyArn === undefined && props.createKmsKey === false,
      'encryptLogs: expected a key; set kmsKeyArn or createKmsKey',
    ],
    [
      props.encryptLogs === true && props.logGroupName !== undefined,
      'encryptLogs: expected only without logGroupName; ' +
        'the key of an existing log group is not changed',
    ],
    [
      props.kmsKeyArn !== undefined &&
        Array.isArray(props.earlierKmsKeyArns) &&
        props.earlierKmsKeyArns.includes(props.kmsKeyArn),
      'earlierKmsKeyArns: expected only other keys than kmsKeyArn',
    ],
    [
      hasItems(props.alarmEmails) && props.alarmTopicArn !== undefined,
      'alarmEmails: expected only without alarmTopicArn',
    ],
  );
}

type Rule = [isViolated: boolean, problem: string];

function violated(...rules: Rule[]): string[] {
  return rules.filter(([isViolated]) => isViolated).map(([, problem]) => problem);
}

function hasItems(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}

function known(...numbers: (number | undefined)[]): boolean {
  return numbers.every((number) => number !== undefined && !Token.isUnresolved(number));
}
