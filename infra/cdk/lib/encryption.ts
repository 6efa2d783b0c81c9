/**
 * The encryption key of the bucket, the queues and the topic: given, created, or none.
 */
import { RemovalPolicy } from 'aws-cdk-lib';
import { Key, type IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { policyOf } from './policies';
import type { IamKeySyncProps } from './props';
import { permissions, type Placeholders } from './shared';

/**
 * Returns the key, if there is one. A created key is kept when the stack is destroyed, with any
 * removal policy: without it, everything that it encrypted would be lost.
 */
export function encryptionKey(
  scope: Construct,
  id: string,
  props: IamKeySyncProps,
  values: Placeholders,
): IKey | undefined {
  if (props.kmsKeyArn !== undefined) return Key.fromKeyArn(scope, id, props.kmsKeyArn);
  if (props.createKmsKey === false) return undefined;
  return new Key(scope, id, {
    description: 'State, queues and alarms of the IAM key sync',
    enableKeyRotation: true,
    policy: policyOf(permissions(values, 'key-policy.json')),
    removalPolicy: RemovalPolicy.RETAIN,
  });
}
