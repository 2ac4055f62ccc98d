/** How the values of command-line options are read: each with its range, and an error that names all three. */

import type { AdapterKind } from '../device/adapter.js';
import { InputError, isInputError } from '../errors.js';
import type { SizeOption } from '../experiments/image/size.js';
import { spelled } from '../host/checks.js';
import { Option } from './vendor.js';

/** Points of an axis, and so pixels of a side. */
export const mostPoints = 16_384;

/** k where none is given and none is chosen, of axes that have twice as many points. */
export const usualTopK = 70;

export const adapterKinds = ['auto', 'hardware', 'software', 'embedded'] as const satisfies readonly (
  | AdapterKind
  | 'auto'
)[];

/** An option with a value, read by `parse`. */
export function valueOption<T>(flags: string, description: string, parse: (text: string) => T, initial?: T): Option {
  const option = new Option(flags, description).argParser((text: string) => parse(text));
  return initial === undefined ? option : option.default(initial);
}

export function adapterOption(): Option {
  return valueOption('--adapter <name>', adapterKinds.join(', '), oneOf('--adapter', adapterKinds), 'auto');
}

export function matrixUnitsOption(): Option {
  return new Option(
    '--matrix-units',
    "a GPU's matrix units for products of 1024 and more: experimental, run on no GPU yet",
  );
}

/** A whole number in a range. */
export function whole(option: string, from: number, to: number): (text: string) => number {
  return text => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (value >= from && value <= to) return value;
    throw new InputError(`${option} ${text}: use a whole number from ${from} to ${to}`);
  };
}

/** A word, or what else `parse` takes. */
export function either<W extends string, T>(word: W, parse: (text: string) => T): (text: string) => W | T {
  return text => {
    if (text === word) return word;
    try {
      return parse(text);
    } catch (error) {
      if (isInputError(error)) throw new InputError(`${error.message}, or ${word}`);
      throw error;
    }
  };
}

/** One whole number in a range, or several with commas between them. */
export function wholes(option: string, from: number, to: number): (text: string) => number | readonly number[] {
  return text => {
    const values = text.split(',').map(part => (/^\s*\+?\d+\s*$/.test(part) ? Number(part) : Number.NaN));
    if (values.every(value => value >= from && value <= to)) return values.length === 1 ? values[0] : values;
    throw new InputError(`${option} ${text}: use a whole number from ${from} to ${to}, or several such as 20,30`);
  };
}

/** A number in a range, and none that float32 has only 0 for; `above` leaves the range's lower end out. */
export function real(option: string, from: number, to: number, above = false): (text: string) => number {
  return text => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    const isIn = (above ? value > from : value >= from) && value <= to;
    if (isIn && (value === 0) === (Math.fround(value) === 0)) return value;
    throw new InputError(
      `${option} ${text}: use a number ${isIn ? 'that float32 holds ' : ''}${above ? 'above' : 'from'} ${from}${above ? ', up' : ''} to ${to}`,
    );
  };
}

const thousands: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6 };

/** A whole number in a range, also in thousands, 200k, or in millions, 1.5M. */
export function counted(option: string, from: number, to: number): (text: string) => number {
  return text => {
    const [, digits, suffix] = /^(\d+(?:\.\d+)?)([kM]?)$/.exec(text.trim()) ?? [];
    const value = Math.round(Number(digits) * 1e6 * thousands[suffix ?? '']) / 1e6;
    if (Number.isInteger(value) && value >= from && value <= to) return value;
    throw new InputError(`${option} ${text}: use a whole number from ${from} to ${to}, such as 200k or 1.5M`);
  };
}

/** One of a list of words. @param aliases other words for them. */
export function oneOf<T extends string>(
  option: string,
  words: readonly T[],
  aliases: Readonly<Record<string, T>> = {},
): (text: string) => T {
  return text => {
    if (words.includes(text as T)) return text as T;
    if (Object.hasOwn(aliases, text)) return aliases[text];
    throw new InputError(`${option} ${text}: use ${words.join(', ')}`);
  };
}

/** What stands between commas; an empty text is one part, which its reader refuses. @throws InputError nothing at all between two commas. */
export function partsOf(option: string, text: string): readonly string[] {
  const parts = text.split(',').map(part => part.trim());
  const empty = parts.indexOf('');
  if (empty < 0 || parts.length === 1) return parts;
  throw new InputError(
    `${option} ${spelled(text)}: its entry ${empty + 1} is empty: give names with one comma between`,
  );
}

/** Values with commas between them, each once. */
export function list<T>(option: string, parse: (text: string) => T): (text: string) => readonly T[] {
  return text => {
    const values = partsOf(option, text).map(parse);
    if (new Set(values).size === values.length) return values;
    throw new InputError(`${option} ${text}: names one twice: name each once`);
  };
}

/** N, the longer side, or WxH. */
export function size(option: string, most: number): (text: string) => SizeOption {
  return text => {
    const sides = /^(\d+)(?:x(\d+))?$/.exec(text.trim());
    const [width, height = width] = (sides ?? [])
      .slice(1)
      .filter(side => side !== undefined)
      .map(Number);
    if ([width, height].every(side => side >= 2 && side <= most)) {
      return sides?.[2] === undefined ? { longer: width } : { width, height };
    }
    throw new InputError(`${option} ${text}: use N or WxH, whole numbers from 2 to ${most}, such as 128 or 160x120`);
  };
}
