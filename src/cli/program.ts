/** The command's tree of commands, and one run of it: what the words of a command line come to, as an exit code. */

import { isInputError } from '../errors.js';
import { benchCommand } from './bench.js';
import { doctorCommand } from './doctor/command.js';
import { Ending, StoppedError } from './ending.js';
import { fitCommand } from './fit/command.js';
import { fleetCommand } from './fleet/command.js';
import { krrCommand } from './krr/command.js';
import { ntkCommand } from './ntk/command.js';
import { pdeCommand } from './pde/command.js';
import { raceCommand } from './race/command.js';
import { renderCommand } from './render/command.js';
import { reproduceCommand } from './reproduce/command.js';
import { surfaceCommand } from './surface/command.js';
import { messageOf, warn } from './terminal.js';
import { Command, CommanderError } from './vendor.js';
import { version } from './version.js';

/**
 * Runs the command once. Nothing is kept from one run to the next, and the process is left as it was.
 *
 * @param args the words after the command's own name.
 * @returns 0: done; 1: failed while running; 2: bad usage or input; 128 and a signal's number: stopped by it. All but
 * the first with one line on stderr.
 */
export async function run(args: readonly string[]): Promise<number> {
  const ending = new Ending(args);
  const program = new Command('sepnn')
    .description('trains separable neural networks on the GPU')
    .version(version)
    .addCommand(fitCommand(ending))
    .addCommand(fleetCommand(ending))
    .addCommand(raceCommand(ending))
    .addCommand(surfaceCommand(ending))
    .addCommand(renderCommand(ending))
    .addCommand(krrCommand(ending))
    .addCommand(reproduceCommand(ending))
    .addCommand(ntkCommand(ending))
    .addCommand(pdeCommand(ending))
    .addCommand(doctorCommand())
    .addCommand(benchCommand(ending));
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeErr: text => warn(usageError(command, text)) });
    // As a user types them, and not as JSON.
    for (const option of command.options) {
      if (Array.isArray(option.defaultValue)) option.defaultValueDescription ??= option.defaultValue.join();
    }
  }
  return ending.during(
    async () => {
      await program.parseAsync(args, { from: 'user' });
    },
    error => {
      if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
      const message = messageOf(error as Error);
      // Of an input it is one line, unless a name in it has more.
      warn(isInputError(error) ? message.replaceAll('\n', ' ') : firstLine(message));
      if (error instanceof StoppedError) return error.exitCode;
      return isInputError(error) ? 2 : 1;
    },
  );
}

/** What commander says in one line, with what would do: the option or command that was meant, or where they all are. */
function usageError(command: Command, text: string): string {
  const meant = /\(Did you mean (.+)\?\)/.exec(text)?.[1];
  const said = text.startsWith('Usage:') ? 'no command' : firstLine(text).replace(/\.$/, '');
  const names = [command.parent?.name(), command.name()].filter(name => name !== undefined);
  return `${said}: ${meant === undefined ? `see ${names.join(' ')} --help` : `did you mean ${meant}?`}`;
}

function firstLine(text: string): string {
  return text.replace(/^error: /, '').split('\n')[0];
}
