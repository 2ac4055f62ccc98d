import { cotangent } from '../network/cotangent.js';

/** The cotangent below the output layer when that at the output is all ones. */
export function outputCotangent(
  w: Float64Array,
  derivative: Float64Array,
  rows: number,
  outputs: number,
  columns: number,
): Float64Array {
  return cotangent(new Float64Array(rows * outputs).fill(1), w, derivative, rows, outputs, columns);
}
