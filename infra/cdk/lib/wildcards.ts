/**
 * Acknowledges each wildcard of the function's role for apps that run cdk-nag, with its reason from
 * `permissions.json`. Each one is acknowledged separately, so that a wildcard without a reason is
 * still reported.
 */
import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { Permission } from './shared';

export function acknowledgeWildcards(role: IConstruct, permissions: readonly Permission[]): void {
  for (const { resources, why } of permissions) {
    for (const resource of resources.filter((arn) => arn.includes('*'))) {
      const finding = referencesInBrackets(Stack.of(role).resolve(resource));
      Validations.of(role).acknowledge({
        id: `AwsSolutions-IAM5[Resource::${finding}]`,
        reason: why,
      });
    }
  }
}

/** Returns a resolved ARN as cdk-nag writes it in the id of a finding: `arn:<AWS::Partition>:…`. */
function referencesInBrackets(resolved: unknown): string {
  if (typeof resolved === 'string') return resolved;
  const {
    Ref,
    'Fn::GetAtt': attribute,
    'Fn::Join': join,
    'Fn::Sub': substituted,
  } = resolved as {
    Ref?: string;
    'Fn::GetAtt'?: string[];
    'Fn::Join'?: [string, unknown[]];
    'Fn::Sub'?: string;
  };
  if (substituted) return substituted.replaceAll(/\$\{([^}]+)\}/g, '<$1>');
  if (join) return join[1].map(referencesInBrackets).join(join[0]);
  return `<${attribute ? attribute.join('.') : Ref}>`;
}
