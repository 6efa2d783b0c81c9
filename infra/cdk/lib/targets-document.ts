/**
 * Stores the targets document in the state bucket. CloudFormation has no resource for an object, so
 * a function of the CDK copies the document from the assets, with a role of its own.
 */
import { rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { Aws, FileSystem, Stack, Tags, Validations } from 'aws-cdk-lib';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { BucketDeployment, Source } from 'aws-cdk-lib/aws-s3-deployment';
import { Construct, type IConstruct } from 'constructs';
import { logGroupArn } from './function-role';
import { readTargets } from './inputs';
import { policyOf } from './policies';
import type { IamKeySyncProps } from './props';
import { environmentDefault, permissions } from './shared';
import { acknowledgeWildcards } from './wildcards';

/** The resources of the deployment that the document needs. */
export interface DocumentResources {
  readonly bucket: IBucket;
  readonly logGroup: ILogGroup;
  readonly key?: IKey;
}

export class TargetsDocument extends Construct {
  constructor(
    scope: Construct,
    id: string,
    file: string,
    private readonly props: IamKeySyncProps,
    private readonly resources: DocumentResources,
  ) {
    super(scope, id);
    const asset = this.asset(readTargets(file));
    // Immutable, because the CDK would allow it to read and delete the whole bucket.
    const role = this.role(asset).withoutPolicyUpdates();
    new BucketDeployment(this, 'Deployment', {
      sources: [Source.bucket(asset.bucket, asset.s3ObjectKey)],
      destinationBucket: resources.bucket,
      contentType: 'application/json',
      // Neither a deployment nor the removal of the document deletes an object.
      prune: false,
      retainOnDelete: true,
      role,
      logGroup: resources.logGroup,
    });
    // The function is no child of this construct.
    const copy = copyFunction(this);
    for (const [name, value] of Object.entries(props.tags ?? {})) Tags.of(copy).add(name, value);
    Validations.of(copy).acknowledge({
      id: 'AwsSolutions-L1',
      reason: 'The CDK defines the runtime of its function.',
    });
  }

  /** Returns the asset: the document under the name that it has in the bucket. */
  private asset(text: string): Asset {
    const folder = FileSystem.mkdtemp('iam-key-sync-targets-');
    try {
      writeFileSync(path.join(folder, environmentDefault('TARGETS_S3_KEY')), text);
      return new Asset(this, 'Asset', { path: folder });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  private role(asset: Asset): Role {
    const { bucket, logGroup, key } = this.resources;
    const boundary = this.props.permissionsBoundaryArn;
    const granted = permissions(
      {
        Region: Aws.REGION,
        AssetBucketArn: asset.bucket.bucketArn,
        BucketArn: bucket.bucketArn,
        TargetsKey: environmentDefault('TARGETS_S3_KEY'),
        KmsKeyArn: key?.keyArn,
        LogGroupArn: logGroupArn(this, logGroup),
      },
      'targets-permissions.json',
    );
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: 'Role of the function that stores the targets document of the IAM key sync',
      inlinePolicies: { StoreTargets: policyOf(granted) },
      permissionsBoundary: boundary
        ? ManagedPolicy.fromManagedPolicyArn(this, 'Boundary', boundary)
        : undefined,
      path: this.props.rolePath,
    });
    acknowledgeWildcards(role, granted);
    return role;
  }
}

/** Returns the function that the CDK creates once for each stack. */
function copyFunction(scope: Construct): IConstruct {
  const isCopy = ({ node }: IConstruct) => node.id.startsWith('Custom::CDKBucketDeployment');
  return Stack.of(scope).node.children.find(isCopy)!;
}
