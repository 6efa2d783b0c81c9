/**
 * Converts the statements of `infra/shared` to the CDK's types.
 */
import {
  ArnPrincipal,
  Effect,
  PolicyDocument,
  PolicyStatement,
  ServicePrincipal,
  type IPrincipal,
} from 'aws-cdk-lib/aws-iam';
import type { Permission } from './shared';

/** Returns a policy of exactly these statements. */
export function policyOf(permissions: readonly Permission[]): PolicyDocument {
  return new PolicyDocument({ statements: permissions.map(statementOf), minimize: false });
}

/**
 * Converts a statement. One with a principal belongs to a resource's own policy, where `*` means
 * that resource.
 */
function statementOf({
  sid,
  effect,
  principal,
  actions,
  resources,
  condition,
}: Permission): PolicyStatement {
  return new PolicyStatement({
    sid,
    effect: effect === 'Deny' ? Effect.DENY : Effect.ALLOW,
    principals: principal && [principalOf(principal)],
    actions,
    resources: principal ? ['*'] : resources,
    conditions: condition,
  });
}

function principalOf({ AWS, Service }: NonNullable<Permission['principal']>): IPrincipal {
  return AWS !== undefined ? new ArnPrincipal(AWS) : new ServicePrincipal(Service!);
}
