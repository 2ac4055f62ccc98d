/** Command lines that a user is told. */

/** For a POSIX shell. @param args the words after the command's own name. */
export function commandLine(args: readonly string[]): string {
  return ['sepnn', ...args].map(quoted).join(' ');
}

/** The words with which a training goes on from a model file. @param more what is to be said beside. */
export function resuming(args: readonly string[], more: readonly string[], model: string): string[] {
  const kept = args.filter((word, i) => {
    if (word === '--resume-anyway' || word === '--compare') return false;
    return word !== '--resume' && args[i - 1] !== '--resume' && !word.startsWith('--resume=');
  });
  return [...kept, ...more, '--resume', model];
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
