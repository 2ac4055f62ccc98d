/** The words of the scripts' command lines. */

import { mainJob } from '../../scripts/mainJob.js';
import { wordsOf } from '../../scripts/words.js';
import { requireEqual } from '../helpers/compare.js';
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
