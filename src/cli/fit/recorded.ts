/** What a model file records of the options that `fit` chooses, as though it had been typed. */

import { recordedOption } from '../recorded.js';
import type { TrainingOptions } from '../training/options.js';
import { recordedOptions } from '../training/record.js';
import type { Command } from '../vendor.js';
import { chosenNames } from './options.js';

/**
 * @param file by which messages name it.
 * @throws InputError a value that the command would not take: a file may hold anything.
 */
export function recordedChoice(
  command: Command,
  file: string,
  training: Readonly<Record<string, unknown>>,
): Partial<TrainingOptions> {
  const recorded: Readonly<Record<string, unknown>> = { ...recordedOptions(training) };
  const values = Object.fromEntries(
    chosenNames.flatMap(name => {
      const value = recorded[name];
      if (value === undefined) return [];
      // A k that was chosen is one for each axis, where the option takes a single one; ranks are typed as a list.
      return recordedOption(command, file, name, parse =>
        name === 'topK' && Array.isArray(value) ? value.map(one => parse(String(one))) : parse(String(value)),
      );
    }),
  );
  return { ...recorded, ...values };
}
