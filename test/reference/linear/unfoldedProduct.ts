import { indices } from '../host/grid.js';

/** C[i, j] = alpha sum over all other indices of A[.., i, ..] B[.., j, ..]; A of `shape`, B with `columns` on the axis. */
export function unfoldedProduct(
  a: Float64Array,
  b: Float64Array,
  shape: readonly number[],
  columns: number,
  axis: number,
  alpha: number,
): Float64Array {
  const result = new Float64Array(shape[axis] * columns);
  const behind = shape.slice(axis + 1).reduce((product, n) => product * n, 1);
  let at = 0;
  for (const index of indices(shape)) {
    const outer = index.slice(0, axis).reduce((sum, i, d) => sum * shape[d] + i, 0);
    for (let j = 0; j < columns; j++) {
      const other = b[(outer * columns + j) * behind + (at % behind)];
      result[index[axis] * columns + j] += alpha * a[at] * other;
    }
    at++;
  }
  return result;
}
