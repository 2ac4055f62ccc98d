/** Options that a file records, as though they had been typed. */

import { InputError, isInputError } from '../errors.js';
import type { Command } from './vendor.js';

/**
 * @param file by which messages name it.
 * @param read what the file records, by what parses a typed word.
 * @returns the option's name and value; none where it is no option that parses words.
 * @throws InputError a value that the command would not take: a file may hold anything.
 */
export function recordedOption(
  command: Command,
  file: string,
  name: string,
  read: (parse: (word: string) => unknown) => unknown,
): readonly (readonly [string, unknown])[] {
  const option = command.options.find(one => one.attributeName() === name);
  if (!option?.parseArg) return [];
  try {
    return [[name, read(word => option.parseArg?.(word, undefined as never))]];
  } catch (error) {
    if (!isInputError(error)) throw error;
    throw new InputError(`--resume ${file}: records ${error.message}`);
  }
}
