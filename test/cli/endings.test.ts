/** How a run of the command ends, whatever ends it: the process, the terminal, what is printed and what is written. */

import { PassThrough } from 'node:stream';
import { run } from '../../src/cli/program.js';
import { startProgress, startTileProgress } from '../../src/cli/progress.js';
import { adapter, spawnedWithDoomedDevice } from '../helpers/command.js';
import { require, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('endings');

test('a command that fails between two updates of its bar ends, with one line after the bar', async () => {
  const args = [
    '--function',
    'f1',
    '--points',
    '6',
    '--rank',
    '5',
    '--width',
    '7',
    '--steps',
    '1000000',
    '--seeds',
    '1',
  ];
  const { code, stdout, stderr } = await spawnedWithDoomedDevice(1000, 'krr', ...args, ...adapter);
  requireEqual('exit', [code, stdout], [1, '']);
  require(stderr, /\nsepnn: the GPU device was lost [^\n]*\n$/.test(stderr));
}, 20);

/** What is written to stderr while `work` runs, as on a terminal of 60 columns. */
async function onTerminal(work: () => Promise<unknown>): Promise<string> {
  const written: string[] = [];
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 60 });
  terminal.on('data', chunk => written.push(String(chunk)));
  const stderr = Object.getOwnPropertyDescriptor(process, 'stderr') as PropertyDescriptor;
  Object.defineProperty(process, 'stderr', { ...stderr, get: () => terminal });
  try {
    await work();
    await new Promise(setImmediate);
  } finally {
    Object.defineProperty(process, 'stderr', stderr);
  }
  return written.join('');
}

test('bars that nobody ended are ended with the command, and leave the modes of the terminal alone', async () => {
  const timers = () => process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length;
  const before = timers();
  const written = await onTerminal(async () => {
    startProgress('training', 0, 10, false).update(5, 'a headline that is longer than what is left of the line');
    startTileProgress(10, false).add(3);
    requireEqual('a timer each', timers(), before + 2);
    requireEqual('exit', await run(['krr', '--function', 'f1', '--top-k', '31']), 2);
  });
  requireEqual('timers', timers(), before);
  require(written, written.endsWith('\nsepnn: --top-k 31: an axis has 30 points: use 1 to 30\n'));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what switches a mode of a terminal begins with one.
  requireEqual('modes', written.match(/\x1b\[\?\d+[hl]/g), null);
});
