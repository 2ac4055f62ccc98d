/** Command lines that a user is told. */

import { withoutPassword } from '../io/queue/address.js';

/** For a POSIX shell, without the password of an address. @param args the words after the command's own name. */
export function commandLine(args: readonly string[]): string {
  return withoutPassword(['sepnn', ...args].map(quoted).join(' '));
}

/**
 * The words with which a training goes on from a model file, or from the start where there is none.
 *
 * @param more what is to be said beside: before a `--`, since all that comes after it are no options.
 * @param without options that are to go with their values: they would be refused beside that.
 */
export function resuming(
  args: readonly string[],
  more: readonly string[],
  model: string | undefined,
  without: readonly string[] = [],
): string[] {
  const end = [...args, '--'].indexOf('--');
  const gone = ['--resume', ...without];
  const kept = args.slice(0, end).filter((word, i) => {
    if (word === '--resume-anyway' || word === '--compare') return false;
    return !gone.includes(word) && !gone.includes(args[i - 1]) && !gone.includes(word.split('=')[0]);
  });
  return [...kept, ...more, ...(model === undefined ? [] : ['--resume', model]), ...args.slice(end)];
}

/** What would break the line is written in the way that bash and others have for it. */
function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (!/\p{Cc}/u.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  const escaped = word.replace(/['\\]/g, '\\$&');
  return `$'${escaped.replace(/\p{Cc}/gu, sign => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)}'`;
}
