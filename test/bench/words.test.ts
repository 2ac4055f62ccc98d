/** The words of the scripts' command lines. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mainJob } from '../../scripts/mainJob.js';
import { wordsOf } from '../../scripts/words.js';
import { require, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('scripts');

test('an unknown option ends a script with exit 2 and one line with the options that there are', () => {
  const { exit } = process;
  const { error } = console;
  const ended: unknown[] = [];
  process.exit = ((code: number) => ended.push(code)) as never;
  console.error = line => ended.push(line);
  try {
    const config = { args: ['--foo', '3'], options: { size: { type: 'string' }, steps: { type: 'string' } } } as const;
    wordsOf(config);
    requireEqual('known', { ...wordsOf({ ...config, args: ['--size', '3'] }).values }, { size: '3' });
  } finally {
    process.exit = exit;
    console.error = error;
  }
  requireEqual('ended', ended, ["Unknown option '--foo': use --size, --steps", 2]);
});

test('the main job at a size of its own is still in gray and compared, unless it cannot be', () => {
  requireEqual('size', mainJob(['--size', '64']), ['--gray', '--compare', '--size', '64']);
  requireEqual('given', mainJob(['--compare', '--size=64']), ['--gray', '--compare', '--size=64']);
  requireEqual('plain', mainJob(['--preconditioner', 'none']), ['--gray', '--preconditioner', 'none']);
  requireEqual('resumed', mainJob(['--resume', 'file']), ['--gray', '--resume', 'file']);
});

test('what is to be known of a GPU is written part by part, a failure told; a part that there is not ends it with exit 2', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sepnn-gpu-test-'));
  try {
    const run = (...words: readonly string[]) =>
      spawnSync(process.execPath, ['--import', 'tsx', 'bench/gpu.ts', '--out', join(folder, 'out'), ...words], {
        encoding: 'utf8',
        env: { ...process.env, PATH: '' }, // no driver's own tool is found
      });
    const unknown = run('--only', 'clocks,weather');
    requireEqual('exit code of an unknown part', unknown.status, 2);
    require('its line names the parts', /--only weather: use clocks, doctor, /.test(unknown.stderr));
    requireEqual('nothing was written', existsSync(join(folder, 'out')), false);
    const { status, stdout } = run('--only', 'clocks');
    requireEqual('exit code of a part that failed', status, 1);
    require('what failed', /^clocks: nvidia-smi: spawn nvidia-smi ENOENT, /.test(stdout));
    const told = join(folder, 'out', 'clocks.txt');
    require('the file tells it', readFileSync(told, 'utf8').includes('ENOENT'));
    const before = readFileSync(told, 'utf8');
    const again = run('--only', 'doctor,clocks');
    requireEqual('what was measured is not written over', [again.status, readFileSync(told, 'utf8')], [2, before]);
    require('its line names the file', /clocks\.txt is there already: give another --out/.test(again.stderr));
    requireEqual('nor is another part begun', existsSync(join(folder, 'out', 'doctor.txt')), false);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
