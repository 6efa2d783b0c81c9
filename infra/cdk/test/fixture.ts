/**
 * A synthesised stack for tests, and queries of its template.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { AppProps, IamKeySyncProps } from '../lib/props';
import { IamKeySyncStack } from '../lib/stack';

/** The folder for files of the tests, inside the compiled output; removed at the end. */
export const SCRATCH = path.join(__dirname, `scratch-${process.pid}`);
/** The smallest valid zip, without entries. */
export const ZIP = path.join(SCRATCH, 'function.zip');
mkdirSync(SCRATCH, { recursive: true });
process.on('exit', () => rmSync(SCRATCH, { recursive: true, force: true }));
writeFileSync(ZIP, Buffer.concat([Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(18)]));

/** One resource of a template; its properties are plain JSON of any shape. */
export interface Resource {
  readonly id: string;
  readonly Type: string;
  readonly Properties: Record<string, any>;
  readonly DeletionPolicy?: string;
  readonly DependsOn?: string[];
  readonly Metadata?: Record<string, any>;
}

/** The context of cdk.json, which holds the feature flags. */
export const { context: CONTEXT } = JSON.parse(
  readFileSync(path.join(__dirname, '..', '..', 'cdk.json'), 'utf8'),
) as { context: Record<string, unknown> };

/** Returns an app that writes only inside the compiled output. */
export function scratchApp(): App {
  return new App({ context: CONTEXT, outdir: mkdtempSync(path.join(SCRATCH, 'cdk.out-')) });
}

export class Synthesised {
  readonly stack: IamKeySyncStack;
  readonly template: Template;

  constructor(props: Partial<AppProps> = {}) {
    const all = { zip: ZIP, vaultAddr: 'https://vault.example.org:8200', ...props };
    this.stack = new IamKeySyncStack(scratchApp(), 'IamKeySync', all);
    this.template = Template.fromStack(this.stack);
  }

  all(type: string): Resource[] {
    const found = this.template.findResources(type);
    return Object.entries(found).map(([id, resource]) => ({
      id,
      ...(resource as Omit<Resource, 'id'>),
    }));
  }

  /** Returns the only resource of a type whose logical id contains `part`. */
  one(type: string, part = ''): Resource {
    const found = this.all(type).filter(({ id }) => id.includes(part));
    if (found.length !== 1)
      throw new Error(`${found.length} resources of type ${type} with "${part}" in their id`);
    return found[0]!;
  }

  get function(): Resource {
    return this.one('AWS::Lambda::Function');
  }

  get queue(): Resource {
    return this.one('AWS::SQS::Queue', 'EventsQueue');
  }

  get deadLetters(): Resource {
    return this.one('AWS::SQS::Queue', 'EventsDeadLetters');
  }
}

/** Returns a value of the template as text, with references in angle brackets. */
export function plain(value: any): string {
  if (typeof value === 'string') return value;
  if (value['Fn::Join']) return value['Fn::Join'][1].map(plain).join(value['Fn::Join'][0]);
  if (value['Fn::GetAtt']) return `<${value['Fn::GetAtt'].join('.')}>`;
  return `<${value.Ref}>`;
}

/** Properties of a deployment in a VPC. */
export const IN_VPC = {
  vpcId: 'vpc-0123456789abcdef0',
  subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
  vaultCidrs: ['10.1.2.0/24'],
  endpointPrefixListIds: ['pl-7da54014', 'pl-4ea54027'],
  endpointSecurityGroupIds: ['sg-0123456789abcdef0'],
} satisfies Partial<IamKeySyncProps>;

/** Properties of a deployment that logs in at Vault. */
export const LOGIN = {
  vaultAuthMethod: 'aws',
  vaultAuthRole: 'iam-key-sync',
} satisfies Partial<IamKeySyncProps>;

/** A given key. */
export const KEY_ARN =
  'arn:aws:kms:ca-central-1:123456789012:key/11111111-2222-3333-4444-555555555555';

/** Returns the template's reference to a resource's ARN. */
export function arnOf(resource: Resource): unknown {
  return { 'Fn::GetAtt': [resource.id, 'Arn'] };
}
