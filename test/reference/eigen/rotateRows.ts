export interface Sweep {
  /** The rotations, of rows i and i + 1, from `high` - 1 down to `low`, at index i. */
  readonly low: number;
  readonly high: number;
  readonly cosines: ArrayLike<number>;
  readonly sines: ArrayLike<number>;
}

/** Sweeps one after the other: rows i and i + 1 become c x_i - s x_{i+1} and s x_i + c x_{i+1}. */
export function rotateRows(matrix: Float64Array, columns: number, sweeps: readonly Sweep[]): Float64Array {
  const result = matrix.slice();
  for (const { low, high, cosines, sines } of sweeps) {
    for (let i = high - 1; i >= low; i--) {
      for (let j = 0; j < columns; j++) {
        const [x, y] = [result[i * columns + j], result[(i + 1) * columns + j]];
        result[i * columns + j] = cosines[i] * x - sines[i] * y;
        result[(i + 1) * columns + j] = sines[i] * x + cosines[i] * y;
      }
    }
  }
  return result;
}
