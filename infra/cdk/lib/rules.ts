/**
 * What must hold before anything is deployed: each property by itself, and the rules between them that
 * `infra/shared/inputs.json` tells in words. All problems are reported together.
 */
import { Token } from 'aws-cdk-lib';
import { refusal } from './environment';
import { faultOf, inputDefault, inputs } from './inputs';
import type { IamKeySyncProps } from './props';

/** One line for each problem, which begins with the property's name. */
export function problemsOf(props: IamKeySyncProps): string[] {
  const single: string[] = [];
  for (const [key, input] of inputs) {
    const value = props[key as keyof IamKeySyncProps];
    if (value === undefined) {
      if (input.required) single.push(`${key}: required`);
      continue;
    }
    const fault = faultOf(key, input, value);
    if (fault !== undefined) single.push(`${key}: ${fault}`);
  }
  const problems = [...single, ...packageRules(props), ...networkRules(props), ...otherRules(props)];
  // These need values that are what they should be.
  if (single.length > 0) return problems;
  const refused = refusal(props);
  return [...problems, ...timeRules(props), ...(refused === undefined ? [] : [`vaultCaFile: ${refused}`])];
}

function packageRules(props: IamKeySyncProps): string[] {
  const { zip, packageBucket, packageKey, packageVersion } = props;
  return broken(
    [(zip === undefined) === (packageBucket === undefined), 'zip: expected exactly one of zip and packageBucket'],
    [(packageBucket === undefined) !== (packageKey === undefined), 'packageKey: expected both packageBucket and packageKey, or neither'],
    [packageVersion !== undefined && packageBucket === undefined, 'packageVersion: expected only with packageBucket'],
  );
}

function timeRules(props: IamKeySyncProps): string[] {
  const timeout = props.functionTimeoutSeconds ?? inputDefault<number>('functionTimeoutSeconds');
  const batches = props.maxConcurrency ?? inputDefault<number>('maxConcurrency');
  const { queueVisibilitySeconds: visibility, reservedConcurrency: reserved } = props;
  return broken(
    [
      known(visibility, timeout) && visibility! <= timeout,
      `queueVisibilitySeconds: expected more than functionTimeoutSeconds (${timeout}), or a message is delivered again while it is being worked on; got ${visibility}`,
    ],
    [
      known(reserved, batches) && reserved! <= batches,
      `reservedConcurrency: expected more than maxConcurrency (${batches}), so that a sweep finds room beside the events; got ${reserved}`,
    ],
  );
}

function networkRules(props: IamKeySyncProps): string[] {
  const { vpcId, subnetIds, vaultCidrs, endpointPrefixListIds, endpointSecurityGroupIds, endpointCidrs, vpcEndpoints, routeTableIds } = props;
  const ways = { endpointPrefixListIds, endpointSecurityGroupIds, endpointCidrs, vpcEndpoints };
  const inside = [vpcId !== undefined, some(subnetIds), some(vaultCidrs)];
  const gateways = (vpcEndpoints ?? []).filter((service) => service !== 'ssm');
  return broken(
    [inside.includes(true) && inside.includes(false), 'vpcId: expected all of vpcId, subnetIds and vaultCidrs, or none'],
    ...Object.entries({ ...ways, routeTableIds }).map(
      ([key, value]): Rule => [vpcId === undefined && some(value), `${key}: expected only with vpcId`],
    ),
    [
      vpcId !== undefined && !Object.values(ways).some(some),
      `vpcId: expected at least one of ${Object.keys(ways).join(', ')} with it, or the function reaches no AWS service`,
    ],
    [
      gateways.length > 0 && !(some(routeTableIds) && some(endpointPrefixListIds)),
      `vpcEndpoints: expected routeTableIds and endpointPrefixListIds with ${gateways.join(' and ')}`,
    ],
  );
}

function otherRules(props: IamKeySyncProps): string[] {
  return broken(
    [
      props.encryptLogs === true && props.kmsKeyArn === undefined && props.createKmsKey === false,
      'encryptLogs: expected a key with it: kmsKeyArn, or createKmsKey not false',
    ],
    [some(props.alarmEmails) && props.alarmTopicArn !== undefined, 'alarmEmails: expected only without alarmTopicArn'],
  );
}

type Rule = [isBroken: boolean, problem: string];

function broken(...rules: Rule[]): string[] {
  return rules.filter(([isBroken]) => isBroken).map(([, problem]) => problem);
}

function some(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}

function known(...numbers: (number | undefined)[]): boolean {
  return numbers.every((number) => number !== undefined && !Token.isUnresolved(number));
}
