/** What a model file records of the options that `fit` chooses, as though it had been typed. */

import { InputError, isInputError } from '../../errors.js';
import type { TrainingOptions } from '../training/options.js';
import { recordedOptions } from '../training/record.js';
import type { Command, Option } from '../vendor.js';
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
      const option = command.options.find(one => one.attributeName() === name);
      if (!option?.parseArg || recorded[name] === undefined) return [];
      try {
        return [[name, read(option, recorded[name])]];
      } catch (error) {
        if (!isInputError(error)) throw error;
        throw new InputError(`--resume ${file}: records ${error.message}`);
      }
    }),
  );
  return { ...recorded, ...values };
}

/** A k that was chosen is one for each axis, where the option takes a single one; ranks are typed as a list. */
function read(option: Option, value: unknown): unknown {
  const parse = (one: unknown) => option.parseArg?.(String(one), undefined as never);
  return option.attributeName() === 'topK' && Array.isArray(value) ? value.map(parse) : parse(value);
}
