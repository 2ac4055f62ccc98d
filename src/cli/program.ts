/** The command's tree of commands, and one run of it: what the words of a command line come to, as an exit code. */

import { isInputError } from '../errors.js';
import { benchCommand } from './bench.js';
import { doctorCommand } from './doctor/command.js';
import { fitCommand } from './fit/command.js';
import { krrCommand } from './krr/command.js';
import { ntkCommand } from './ntk/command.js';
import { endProgress } from './progress.js';
import { renderCommand } from './render/command.js';
import { reproduceCommand } from './reproduce/command.js';
import { surfaceCommand } from './surface/command.js';
import { warn } from './terminal.js';
import { Command, CommanderError } from './vendor.js';

declare const SEPNN_VERSION: string;

/**
 * Runs the command once. Nothing is kept from one run to the next, and the process is left as it was.
 *
 * @param args the words after the command's own name.
 * @returns 0: done; 1: failed while running; 2: bad usage or input, with one line on stderr.
 */
export async function run(args: readonly string[]): Promise<number> {
  const program = new Command('sepnn')
    .description('trains separable neural networks on the GPU')
    .version(typeof SEPNN_VERSION === 'string' ? SEPNN_VERSION : 'development')
    .addCommand(fitCommand())
    .addCommand(surfaceCommand())
    .addCommand(renderCommand())
    .addCommand(krrCommand())
    .addCommand(reproduceCommand())
    .addCommand(ntkCommand())
    .addCommand(doctorCommand())
    .addCommand(benchCommand());
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeErr: text => warn(firstLine(text)) });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    endProgress(); // before the line that says why
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    warn(firstLine((error as Error).message));
    return isInputError(error) ? 2 : 1;
  } finally {
    endProgress();
  }
}

function firstLine(text: string): string {
  return text.replace(/^error: /, '').split('\n')[0];
}
