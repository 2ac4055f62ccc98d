/** Numbers of a host's, in arrays of any kind. */

import { InputError } from '../errors.js';

/** What a host may give as numbers: an array, or a typed one. */
export type Numbers = ArrayLike<number> & Iterable<number>;

/** Arrays one after the other, in float32. */
export function joined(arrays: readonly ArrayLike<number>[]): Float32Array {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const values of arrays) {
    all.set(values, at);
    at += values.length;
  }
  return all;
}

/** The largest of what `numberOf` says of each, and 0 at the least. `Math.max(...)` takes some ten thousand, and then throws. */
export function mostOf<T>(items: readonly T[], numberOf: (item: T, index: number) => number): number {
  return items.reduce((most, item, i) => Math.max(most, numberOf(item, i)), 0);
}

/** The sum of what `numberOf` says of each. */
export function totalOf<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((sum, item) => sum + numberOf(item), 0);
}

/** An array cut into pieces of the given lengths. */
export function cut<T extends Float32Array | Float64Array>(values: T, lengths: readonly number[]): T[] {
  let at = 0;
  return lengths.map(length => {
    at += length;
    return values.slice(at - length, at) as T;
  });
}

/** The whole numbers whose bits an array has: so tensors hold counts. */
export function countsIn(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** And back. */
export function bitsOf(...counts: readonly number[]): Float32Array {
  return new Float32Array(Uint32Array.from(counts).buffer);
}

/** Of f32, in every browser's and Node's longest array. */
const mostHeld = 0x20000000;

/** @throws InputError more numbers of an output than an array holds. */
export function requireArray(count: number): void {
  if (count <= mostHeld) return;
  throw new InputError(
    `evaluate: ${count} numbers are more than an array holds, ${mostHeld}: use evaluateTiles or renderTiles`,
  );
}

/** The middle of numbers, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}
