/** Command lines that a user is told. */

/** For a POSIX shell. @param args the words after the command's own name. */
export function commandLine(args: readonly string[]): string {
  return ['sepnn', ...args].map(quoted).join(' ');
}

/** With options beside those that are there: before a `--`, since all that comes after it are none. */
export function withOptions(args: readonly string[], more: readonly string[]): string[] {
  const [options, operands] = atDashes(args);
  return [...options, ...more, ...operands];
}

/** The words with which a training goes on from a model file. @param more what is to be said beside. */
export function resuming(args: readonly string[], more: readonly string[], model: string): string[] {
  const [options, operands] = atDashes(args);
  const kept = options.filter((word, i) => {
    if (word === '--resume-anyway' || word === '--compare') return false;
    return word !== '--resume' && args[i - 1] !== '--resume' && !word.startsWith('--resume=');
  });
  return withOptions([...kept, ...operands], [...more, '--resume', model]);
}

function atDashes(args: readonly string[]): readonly [before: readonly string[], from: readonly string[]] {
  const at = [...args, '--'].indexOf('--');
  return [args.slice(0, at), args.slice(at)];
}

/** What would break the line is written in the way that bash and others have for it. */
function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (!/\p{Cc}/u.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  const escaped = word.replace(/['\\]/g, '\\$&');
  return `$'${escaped.replace(/\p{Cc}/gu, sign => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)}'`;
}
