/**
 * Runs all test files in one process, because loading the CDK takes longer than most tests.
 */
import { readdirSync } from 'node:fs';
import * as path from 'node:path';

for (const file of readdirSync(__dirname).sort()) {
  if (file.endsWith('.test.js')) require(path.join(__dirname, file));
}
