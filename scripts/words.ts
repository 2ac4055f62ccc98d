/** The words of a script's command line. */

import { type ParseArgsConfig, parseArgs } from 'node:util';

/** Exit code of bad usage, as the command's own. */
const badUsage = 2;

/** As `parseArgs`; an option that is unknown, or lacks its value, ends the process with one line that says so. */
export function wordsOf<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const names = Object.keys(config.options ?? {}).map(name => `--${name}`);
    const [line] = (error as Error).message.split(/\.\s|\n/);
    console.error(`${line}: use ${names.join(', ')}`);
    process.exit(badUsage);
  }
}
