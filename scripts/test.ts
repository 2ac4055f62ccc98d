/**
 * Runs the test files, one process each, and counts. The last line is `N passed, N failed`; a file that registers no
 * test, that dies, or that throws outside a test is a failure, and so is a run without tests.
 *
 *   tsx scripts/test.ts [--adapter NAME] [--portable] [--as-gpu] [PART OF A FILE'S NAME ...]
 *
 * --portable asks the adapter for no optional feature and no limit beyond the defaults; --as-gpu runs the schedules and
 * workgroup sizes that a GPU gets.
 */

import { fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Counts } from '../test/helpers/suite.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    adapter: { type: 'string', default: 'embedded' },
    portable: { type: 'boolean', default: false },
    'as-gpu': { type: 'boolean', default: false },
  },
});
const mostMinutes = 10;
const folder = new URL('../test/', import.meta.url).pathname;
const files = readdirSync(folder)
  .filter(name => name.endsWith('.test.ts'))
  .filter(name => positionals.length === 0 || positionals.some(part => name.includes(part)))
  .sort();

function runFile(name: string): Promise<Counts> {
  return new Promise(resolve => {
    let counts: Counts | undefined;
    const child = fork(`${folder}helpers/runFile.ts`, [`${folder}${name}`], {
      execArgv: ['--import', 'tsx'],
      env: {
        ...process.env,
        SEPNN_TEST_ADAPTER: values.adapter,
        SEPNN_TEST_PORTABLE: values.portable ? '1' : '',
        SEPNN_TEST_AS_GPU: values['as-gpu'] ? '1' : '',
      },
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), mostMinutes * 60_000);
    child.on('message', message => {
      counts = message as Counts;
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (counts && code === 0 && counts.passed + counts.failed > 0) return resolve(counts);
      console.error(
        `${name}: ${signal ? `ended by ${signal}` : counts ? 'registered no test' : `ended with code ${code}`}`,
      );
      resolve({ passed: counts?.passed ?? 0, failed: (counts?.failed ?? 0) + 1 });
    });
  });
}

let [passed, failed] = [0, 0];
for (const name of files) {
  const start = performance.now();
  console.log(name);
  const counts = await runFile(name);
  console.log(`  ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
  passed += counts.passed;
  failed += counts.failed;
}
if (passed + failed === 0) failed++;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
