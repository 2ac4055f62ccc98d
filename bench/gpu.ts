/**
 * What is to be known of a GPU that is at hand for a short while, in the order of its worth: each part has its own time,
 * writes what it printed to a file of its own as it prints it, and is worth having if the next never runs.
 *
 *   npx tsx bench/gpu.ts [--adapter NAME] [--out bench/gpu] [--only clocks,doctor,golden,tests,dispatches,matrix,steps,fits,bench] [--jobs N]
 *
 * Wants `npm run build` before it, and no network. Exit code 1 where a part failed or ran out of its time; 2 where a part's
 * file is there already, since who measured it may not have that machine again; 130 and 143 where it was ended.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { wordsOf } from '../scripts/words.js';

const { values } = wordsOf({
  options: {
    adapter: { type: 'string', default: 'hardware' },
    out: { type: 'string', default: 'bench/gpu' },
    only: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
});

interface Part {
  /** After which the part is ended, what it printed kept. */
  readonly seconds: number;
  /** One after the other; the next is run even where one fails. */
  readonly commands: readonly (readonly string[])[];
}

const node = process.execPath;
const on = ['--adapter', values.adapter];
const cli = (...words: readonly string[]) => [node, 'dist/cli.js', ...words, ...on];
const script = (...words: readonly string[]) => [node, '--import', 'tsx', ...words, ...on];
const scratch = mkdtempSync(join(tmpdir(), 'sepnn-gpu-'));
/** What runs now, in a group of its own: a part's end is the end of all that it started. */
let running: ChildProcess | undefined;
process.on('exit', () => {
  endRunning();
  rmSync(scratch, { recursive: true, force: true });
});
const dispatches = (grid: string, size: string, topK: string) =>
  script('bench/dispatches.ts', '--grid', grid, '--rank', size, '--width', size, '--top', topK);
const image = 'node_modules/baboon-image/baboon.png';
/** The paper's image, network and k (its Table 2). */
const fit = (preconditioner: string) =>
  cli(
    ...['fit', image, '--gray', '--rank', '500', '--width', '500', '--optimiser', 'adam', '--steps', '1300', '--json'],
    ...['--preconditioner', preconditioner, '--out', join(scratch, preconditioner)],
    ...(preconditioner === 'none' ? [] : ['--top-k', '70']),
  );

const goldenCases = readdirSync('test/golden')
  .filter(name => name.endsWith('.json'))
  .map(name => join('test/golden', name));

const parts: Readonly<Record<string, Part>> = {
  clocks: { seconds: 10, commands: [['nvidia-smi']] },
  doctor: { seconds: 100, commands: [cli('doctor')] },
  golden: { seconds: 100, commands: goldenCases.map(path => cli('doctor', '--case', path)) },
  tests: {
    seconds: 280,
    commands: [
      script(
        ...['scripts/test.ts', '--jobs', values.jobs],
        ...['ops/', 'graph/', 'immediate/', 'model/', 'ntk/', 'train/', 'precondition/', 'pde/', 'extend'],
      ),
    ],
  },
  dispatches: {
    seconds: 100,
    commands: [
      dispatches('512,512', '500', '70'),
      dispatches('128,128', '150', '64'),
      dispatches('128,128,128', '200', '20'),
    ],
  },
  matrix: { seconds: 150, commands: [cli('doctor', '--matrix-units'), script('bench/matrixUnits.ts')] },
  steps: {
    seconds: 180,
    commands: [cli('bench', '--only', 'products,steps', '--json', '--out', join(scratch, 'steps'))],
  },
  fits: { seconds: 120, commands: [fit('none'), fit('seppgd')] },
  bench: {
    seconds: 300,
    commands: [cli('bench', '--only', 'kernels,eigen,equations', '--json', '--out', join(scratch, 'bench'))],
  },
};

const names = values.only?.split(',') ?? Object.keys(parts);
for (const name of names) {
  if (!Object.hasOwn(parts, name)) {
    console.error(`--only ${name}: use ${Object.keys(parts).join(', ')}`);
    process.exit(2);
  }
}
const taken = names.map(fileOf).find(path => existsSync(path));
if (taken !== undefined) {
  console.error(`${taken} is there already: give another --out, or take it away`);
  process.exit(2);
}
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => {
    console.error(`ended: ${values.out} has what was printed until now`);
    process.exit(code);
  });
}
try {
  mkdirSync(values.out, { recursive: true });
  for (const name of names) {
    const start = performance.now();
    const failed = await run(name, parts[name]);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${name}: ${failed.length === 0 ? 'all ran' : failed.join('; ')}, ${seconds} s`);
    if (failed.length > 0) process.exitCode = 1;
  }
} catch (error) {
  console.error(`${values.out}: cannot be written (${(error as Error).message})`);
  process.exitCode = 1;
}

function fileOf(name: string): string {
  return join(values.out, `${name}.txt`);
}

/** @returns what failed, and how. @throws Error what cannot be written, once nothing runs any more. */
async function run(name: string, { seconds, commands }: Part): Promise<readonly string[]> {
  const file = openSync(fileOf(name), 'wx');
  const end = performance.now() + 1000 * seconds;
  const failed: string[] = [];
  try {
    for (const words of commands) {
      writeSync(file, `$ ${words.join(' ').replace(node, 'node')}\n`);
      const outcome = await ending(words, Math.max(0, end - performance.now()), file);
      writeSync(file, `${outcome}\n\n`);
      if (outcome !== 'exit code 0') failed.push(`${words.filter(word => word !== node).join(' ')}: ${outcome}`);
    }
  } finally {
    closeSync(file);
  }
  return failed;
}

/** Runs a command that writes into an open file itself. */
function ending([command, ...words]: readonly string[], ms: number, file: number): Promise<string> {
  return new Promise(resolve => {
    const child = spawn(command, words, { stdio: ['ignore', file, file], detached: true });
    running = child;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      endRunning();
    }, ms);
    const over = (outcome: string) => {
      clearTimeout(timer);
      running = undefined;
      resolve(outcome);
    };
    child.on('error', error => over(error.message));
    child.on('exit', (code, signal) => {
      const after = `ended after ${(ms / 1000).toFixed(0)} s: its time was over`;
      over(isLate ? after : signal ? `ended by ${signal}` : `exit code ${code}`);
    });
  });
}

function endRunning(): void {
  try {
    if (running?.pid !== undefined) process.kill(-running.pid, 'SIGKILL');
  } catch {} // it has ended by itself, and is not told yet
}
