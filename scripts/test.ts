/**
 * Runs the test files, one process each, and counts. The last line is `N passed, N failed`; a file that registers no
 * test, that dies, or that throws outside a test is a failure, and so is a run without tests.
 *
 *   tsx scripts/test.ts [--adapter NAME] [--portable] [--as-gpu] [--jobs N] [PART OF A FILE'S PATH IN test/ ...]
 *
 * Without arguments the files that go through the schedules run once more as on a GPU of default limits: --portable
 * --as-gpu. --portable asks the adapter for no optional feature and no limit beyond the defaults; --as-gpu runs the schedules and
 * workgroup sizes that a GPU gets. --jobs says how many files run at a time, 2 by default where there are cores for it;
 * what one prints is printed whole when it ends. Those that measure run alone, at the end.
 */

import { fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Counts } from '../test/helpers/suite.js';
import { wordsOf } from './words.js';

const { values, positionals } = wordsOf({
  allowPositionals: true,
  options: {
    adapter: { type: 'string', default: 'embedded' },
    portable: { type: 'boolean', default: false },
    'as-gpu': { type: 'boolean', default: false },
    jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
  },
});
const jobs = Number(values.jobs);
if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`--jobs ${values.jobs}: use a whole number from 1`);
const mostMinutes = 10;
/** How long to wait for the end of what a process printed that has ended itself: another may hold its output open. */
const outputSeconds = 5;
const folder = fileURLToPath(new URL('../test/', import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .map(path => path.replaceAll('\\', '/'))
  .filter(path => path.endsWith('.test.ts'))
  .filter(path => positionals.length === 0 || positionals.some(part => path.includes(part)))
  .sort();

interface Mode {
  readonly portable: boolean;
  readonly asGpu: boolean;
}

interface Run {
  readonly path: string;
  readonly mode: Mode;
}

const mode: Mode = { portable: values.portable, asGpu: values['as-gpu'] };
const gpuMode: Mode = { portable: true, asGpu: true };
/** kernelProducts and cutProducts are not among them: they run every schedule as it is. */
const throughSchedules = [
  'graph/graph',
  'ops/contractions',
  'ops/kernelEigen',
  'ops/kernelSpectrum',
  'ops/ops',
  'train/slabs',
  'train/train',
].map(name => `${name}.test.ts`);
/** The longest first, so that no core is left without work at the end: any order is right. */
const longest = [
  'ops/kernelProducts',
  'train/train',
  'cli/cli',
  'ops/contractions',
  'immediate/eigh',
  'train/slabs',
  'model/scatteredPoints',
  'model/contractions',
  'cli/ntk',
  'readme',
  'cli/kills',
  'cli/surface',
  'cli/krr',
  'ops/ops',
].map(name => `${name}.test.ts`);
const measuring = ['bench/bench', 'device/device', 'immediate/roofline'].map(name => `${name}.test.ts`);

const isWhole = positionals.length === 0 && !mode.portable && !mode.asGpu;
for (const path of [...throughSchedules, ...longest, ...measuring]) {
  if (positionals.length === 0 && !files.includes(path))
    throw new Error(`scripts/test.ts names ${path}, which is no test`);
}
const runs: readonly Run[] = [
  ...files.map(path => ({ path, mode })),
  ...files.filter(path => isWhole && throughSchedules.includes(path)).map(path => ({ path, mode: gpuMode })),
];

function runFile({ path, mode: { portable, asGpu } }: Run): Promise<Counts> {
  return new Promise(resolve => {
    const start = performance.now();
    const printed: string[] = [`${path}${asGpu ? ', as on a GPU' : ''}${portable ? ', portable' : ''}\n`];
    let counts: Counts | undefined;
    let ending = '';
    const child = fork(`${folder}helpers/runFile.ts`, [`${folder}${path}`], {
      execArgv: ['--import', 'tsx'],
      silent: true,
      env: {
        ...process.env,
        SEPNN_TEST_ADAPTER: values.adapter,
        SEPNN_TEST_PORTABLE: portable ? '1' : '',
        SEPNN_TEST_AS_GPU: asGpu ? '1' : '',
      },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => printed.push(text));
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), mostMinutes * 60_000);
    const finish = (): void => {
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      console.log(`${printed.join('')}${ending}  ${seconds} s\n`);
      const { passed = 0, failed = 0 } = counts ?? {};
      resolve({ passed, failed: failed + (ending === '' ? 0 : 1) });
    };
    child.on('message', message => {
      counts = message as Counts;
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (!counts || code !== 0 || counts.passed + counts.failed === 0) {
        const how = signal ? `ended by ${signal}` : counts ? 'registered no test' : `ended with code ${code}`;
        ending = `${path}: ${how}\n`;
      }
      const late = setTimeout(finish, outputSeconds * 1000);
      child.on('close', () => {
        clearTimeout(late);
        finish();
      });
    });
  });
}

/** Runs all of them, `width` at a time. */
async function runAll(queue: Run[], width: number): Promise<Counts> {
  let [passed, failed] = [0, 0];
  const work = async (): Promise<void> => {
    for (let run = queue.shift(); run; run = queue.shift()) {
      const counts = await runFile(run);
      passed += counts.passed;
      failed += counts.failed;
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return { passed, failed };
}

function placeOf({ path }: Run): number {
  const place = longest.indexOf(path);
  return place < 0 ? longest.length : place;
}

const together = runs.filter(({ path }) => !measuring.includes(path)).sort((a, b) => placeOf(a) - placeOf(b));
const alone = runs.filter(({ path }) => measuring.includes(path));
const all = [await runAll(together, jobs), await runAll(alone, 1)];
const [passed, failed] = [all[0].passed + all[1].passed, all[0].failed + all[1].failed];
console.log(`${passed} passed, ${Math.max(failed, passed + failed === 0 ? 1 : 0)} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
