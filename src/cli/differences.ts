/** Runs by name, commas between them, and after colons what differs in each: `muon:rate=3e-3:steps=300`. */

import { InputError } from '../errors.js';
import { spelled } from '../host/checks.js';
import { partsOf } from './options.js';

/** How `key=value` changes what a name stands for; `given` says in errors what was typed. */
export type Changes<T> = Readonly<Record<string, (start: T, given: string, value: string) => T>>;

/** What was typed of one run, and what it stands for. */
export interface Differing<T> {
  readonly text: string;
  readonly value: T;
}

/**
 * @param startOf what a name stands for where nothing differs.
 * @param example of a difference, for errors.
 * @throws InputError a name or a key that there is not, a value that it does not take, or the same twice.
 */
export function differing<T>(
  option: string,
  text: string,
  startOf: (name: string) => T,
  changes: Changes<T>,
  example = 'rate=1e-3',
): readonly Differing<T>[] {
  const texts = partsOf(option, text);
  if (new Set(texts).size < texts.length)
    throw new InputError(`${option} ${spelled(text)}: names one twice: name each once`);
  return texts.map(one => ({ text: one, value: differingOne(option, one, startOf, changes, example) }));
}

function differingOne<T>(
  option: string,
  text: string,
  startOf: (name: string) => T,
  changes: Changes<T>,
  example: string,
): T {
  const [name, ...differences] = text.split(':');
  const start = startOf(name);
  const keys = differences.map(difference => difference.split('=')[0]);
  if (new Set(keys).size < keys.length)
    throw new InputError(`${option} ${spelled(text)}: gives a key twice: give each once`);
  return differences.reduce((value, difference) => {
    const [key, ...parts] = difference.split('=');
    if (Object.hasOwn(changes, key)) return changes[key](value, `${option} ${name}:${key}`, parts.join('='));
    throw new InputError(
      `${option} ${spelled(text)}: ${spelled(key)}: use ${Object.keys(changes).join(', ')}, as ${example}`,
    );
  }, start);
}
