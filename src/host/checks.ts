/** Checks of what a caller gave, each with an error of one line that says what, which value, and what would do. */

import { InputError } from '../errors.js';

/** Of a text, all that is too long to be shown. */
const rest = /(?<=^.{40}).+/s;

/** Whether a value has names: an object that is no list, and no promise of one. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !('then' in value);
}

/** Whether a value is an array of some kind, and no text. */
export function isList(value: unknown): value is ArrayLike<unknown> {
  return typeof value === 'object' && typeof (value as ArrayLike<unknown> | null)?.length === 'number';
}

/** @throws InputError no array of any kind. */
export function requireList(what: string, given: unknown, remedy: string): void {
  if (!isList(given)) throw new InputError(`${what}: ${shown(given)} is no list: ${remedy}`);
}

/** What a caller or a file gave, for an error of one line: a name, a number, a type, or what stands in its place. */
export function spelled(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value)) return 'an object';
  // As JSON no character breaks the line, but for the ends of lines that JSON knows nothing of.
  return JSON.stringify(String(value).replace(rest, '...'))
    .slice(1, -1)
    .replace(/[\u007f-\u009f\u2028\u2029]/g, ' ');
}

/** The same of a value that may be of any kind, where a text stands in quotes: 1 and "1" are told apart. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? `"${spelled(value)}"` : spelled(value);
}

/**
 * Options that are an object of known names: types say so too, but not every caller has types.
 *
 * @param what the function or the option that takes them.
 * @param known a name for every option there is.
 * @throws InputError something that is no object, or a name that is none of them.
 */
export function requireOptions<T extends object>(
  what: string,
  given: T,
  known: { readonly [K in keyof Required<T>]: true },
): void {
  const names = Object.keys(known).join(', ');
  requireRecord(what, given, `give options { ${names} }`);
  const unknown = Object.keys(given).find(name => !Object.hasOwn(known, name));
  if (unknown !== undefined) throw new InputError(`${what}: option ${spelled(unknown)} is unknown: use ${names}`);
}

/** @throws InputError something without names of its own: no object, or a promise of one. */
export function requireRecord(what: string, given: unknown, remedy: string): void {
  if (!isRecord(given)) throw new InputError(`${what}: ${shown(given)} is no object: ${remedy}`);
}

/**
 * A value that another part of the package made: a domain, an objective, an optimiser.
 *
 * @param member what it must have, a method or else an object.
 * @throws InputError something else, such as a name or a bare option.
 */
export function requireValue(
  what: string,
  given: unknown,
  member: string,
  remedy: string,
  kind: 'function' | 'object' = 'function',
): void {
  if (typeof (given as Record<string, unknown> | null | undefined)?.[member] === kind) return;
  throw new InputError(`${what}: ${shown(given)} is none: ${remedy}`);
}

/** @throws InputError unless `value` is a whole number in the range. */
export function requireCount(name: string, value: number, from: number, to: number): void {
  if (Number.isInteger(value) && value >= from && value <= to) return;
  throw new InputError(`${name}: ${shown(value)}: use a whole number from ${from} to ${to}`);
}

export interface NumberRange {
  readonly from?: number;
  /** In the place of `from`: the number itself is out of range. */
  readonly above?: number;
  /** The number itself is out of range. */
  readonly below?: number;
}

/** @throws InputError unless `value` is a number in the range that is one in float32 too. */
export function requireNumber(name: string, value: number, range: NumberRange = {}): void {
  const { from = value, above = Number.NEGATIVE_INFINITY, below = Number.POSITIVE_INFINITY } = range;
  const single = typeof value === 'number' ? Math.fround(value) : Number.NaN;
  const isInRange = value >= from && value > above && value < below;
  if (Number.isFinite(single) && isInRange && (value === 0) === (single === 0)) return;
  const bounds = Object.entries(range).map(([word, bound]) => ` ${word} ${bound}`);
  throw new InputError(`${name}: ${shown(value)}: use a number that float32 holds${bounds}`);
}

/** @throws InputError unless `value` is true or false. */
export function requireFlag(name: string, value: boolean): void {
  if (typeof value !== 'boolean') throw new InputError(`${name}: ${shown(value)}: use true or false`);
}

/** @throws InputError unless `value` is one of the words. */
export function requireWord<W extends string>(name: string, value: W, words: readonly W[]): void {
  if (!words.includes(value)) throw new InputError(`${name}: ${shown(value)} is unknown: use ${words.join(', ')}`);
}
