import { indices } from '../host/grid.js';

/** Z[i_1 .. i_D] = scale sum_r prod_d F_d[i_d, r]. */
export function cp(
  factors: readonly Float64Array[],
  shape: readonly number[],
  rank: number,
  scale: number,
): Float64Array {
  return Float64Array.from(indices(shape), index => {
    let sum = 0;
    for (let r = 0; r < rank; r++) {
      sum += index.reduce((product, i, axis) => product * factors[axis][i * rank + r], 1);
    }
    return scale * sum;
  });
}
