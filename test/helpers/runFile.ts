/** Runs one test file in a process of its own and tells the parent how many tests passed and failed. */

import { pathToFileURL } from 'node:url';

Object.assign(globalThis, { UVU_DEFER: 1, UVU_INDEX: 0, UVU_QUEUE: [[]] });
const { runSuites } = await import('./suite.js');
const outside: unknown[] = [];
process.on('unhandledRejection', reason => outside.push(reason));
process.on('uncaughtException', reason => outside.push(reason));

const counts = await import(pathToFileURL(process.argv[2]).href).then(runSuites, error => {
  outside.push(error);
  return { passed: 0, failed: 0 };
});
// What was thrown outside a test may surface a little later.
await new Promise(resolve => setTimeout(resolve, 50));
for (const error of outside) console.error('thrown outside a test:', error);
const failed = counts.failed + outside.length;
if (process.send) process.send({ passed: counts.passed, failed });
else process.exitCode = failed === 0 && counts.passed > 0 ? 0 : 1;
process.disconnect?.();
