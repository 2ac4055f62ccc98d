/** Slices of a solution as pictures: of two axes, at the middle of all others. */

import { besideEachOther, type Picture, pictureOf } from '../../io/image/picture.js';

/** The last two axes of an array, row-major, at the middle of those before. */
function middleSlice(values: ArrayLike<number>, shape: readonly number[]): Float64Array {
  const [rows, columns] = shape.slice(-2);
  const index = shape.slice(0, -2).reduce((at, n) => at * n + Math.floor(n / 2), 0);
  const size = rows * columns;
  return Float64Array.from({ length: size }, (_, i) => values[index * size + i]);
}

/**
 * The slice of what was found, of what is known and of their difference, beside each other: black is the least of what is
 * known and white the greatest; of the error white is its greatest. Without what is known the first alone.
 */
export function slicePicture(
  found: ArrayLike<number>,
  known: ArrayLike<number> | undefined,
  shape: readonly number[],
): Picture {
  const [rows, columns] = shape.slice(-2);
  const own = middleSlice(found, shape);
  if (!known) return pictureOf(between(own, extent(own)), columns, rows);
  const expected = middleSlice(known, shape);
  const range = extent(expected);
  const error = own.map((value, i) => Math.abs(value - expected[i]));
  const planes = [between(own, range), between(expected, range), between(error, [0, extent(error)[1]])];
  return besideEachOther(planes.map(plane => pictureOf(plane, columns, rows)));
}

export type Extent = readonly [least: number, greatest: number];

/** The least and the greatest of what is a number. */
export function extent(values: ArrayLike<number>): Extent {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    if (values[i] < least) least = values[i];
    if (values[i] > greatest) greatest = values[i];
  }
  return [least, greatest];
}

/** Values as shares of the way from the least to the greatest; 0 where they are one. */
export function between<T extends Float32Array | Float64Array>(values: T, [least, greatest]: Extent): T {
  return values.map(value => (greatest > least ? (value - least) / (greatest - least) : 0)) as T;
}
