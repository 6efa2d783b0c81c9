/**
 * Acknowledges, for apps that run cdk-nag, each wildcard of the function's role, with the reason that
 * `permissions.json` gives. One by one, so that a wildcard that nobody explained is still reported.
 */
import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { Permission } from './shared';

export function acknowledgeWildcards(role: IConstruct, permissions: readonly Permission[]): void {
  for (const { resources, why } of permissions) {
    for (const resource of resources.filter((arn) => arn.includes('*'))) {
      const finding = referencesInBrackets(Stack.of(role).resolve(resource));
      Validations.of(role).acknowledge({ id: `AwsSolutions-IAM5[Resource::${finding}]`, reason: why });
    }
  }
}

/** How cdk-nag writes a resolved ARN in the name of a finding: `arn:<AWS::Partition>:…`. */
function referencesInBrackets(resolved: unknown): string {
  if (typeof resolved === 'string') return resolved;
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Join': join } = resolved as {
    Ref?: string;
    'Fn::GetAtt'?: string[];
    'Fn::Join'?: [string, unknown[]];
  };
  if (join) return join[1].map(referencesInBrackets).join(join[0]);
  return `<${attribute ? attribute.join('.') : Ref}>`;
}
