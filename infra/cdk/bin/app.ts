/**
 * Entry point of the CDK app: reads the context of the command line and defines its stack.
 */
import { App } from 'aws-cdk-lib';
import { ContextError, readContext } from '../lib/context';
import { IamKeySyncStack } from '../lib/stack';

const app = new App();
try {
  new IamKeySyncStack(app, 'IamKeySync', readContext(app.node.getAllContext()));
} catch (error) {
  if (!(error instanceof ContextError)) throw error;
  console.error(error.message);
  process.exit(1);
}
