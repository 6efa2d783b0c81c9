/**
 * The bucket for state objects and the Vault token.
 */
import { Duration, type RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { environmentDefault, settings } from './shared';

export function stateBucket(
  scope: Construct,
  id: string,
  removalPolicy: RemovalPolicy,
  bucketName: string | undefined,
  key: IKey | undefined,
): Bucket {
  const { noncurrentVersionDays, noncurrentTokenVersionDays } = settings.bucket;
  const bucket = new Bucket(scope, id, {
    bucketName,
    versioned: true,
    ...(key
      ? { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }
      : { encryption: BucketEncryption.S3_MANAGED }),
    enforceSSL: true,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    removalPolicy,
    lifecycleRules: [
      { noncurrentVersionExpiration: Duration.days(noncurrentVersionDays.value) },
      {
        prefix: environmentDefault('VAULT_TOKEN_S3_KEY'),
        noncurrentVersionExpiration: Duration.days(noncurrentTokenVersionDays.value),
      },
      { expiredObjectDeleteMarker: true, abortIncompleteMultipartUploadAfter: Duration.days(1) },
    ],
  });
  Validations.of(bucket).acknowledge({
    id: 'AwsSolutions-S1',
    reason:
      'Server access logs need a second bucket; ' +
      'CloudTrail data events record access to this one if the account enables them.',
  });
  return bucket;
}
