import { indices } from '../host/grid.js';

/** (T x_axis S)[.., i, ..] = sum_j S[i, j] T[.., j, ..], S (m, n_axis). */
export function modeProduct(
  tensor: Float64Array,
  shape: readonly number[],
  matrix: Float64Array,
  rows: number,
  axis: number,
): Float64Array {
  const n = shape[axis];
  const inner = shape.slice(axis + 1).reduce((product, length) => product * length, 1);
  const result = shape.map((length, d) => (d === axis ? rows : length));
  return Float64Array.from(indices(result), index => {
    const outer = index.slice(0, axis).reduce((sum, i, d) => sum * shape[d] + i, 0);
    const behind = index.slice(axis + 1).reduce((sum, i, d) => sum * shape[axis + 1 + d] + i, 0);
    let sum = 0;
    for (let j = 0; j < n; j++) sum += matrix[index[axis] * n + j] * tensor[(outer * n + j) * inner + behind];
    return sum;
  });
}
