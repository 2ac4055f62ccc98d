import { indices } from '../host/grid.js';

/** Z[i_1 .. i_D] = scale sum over r_1 .. r_D of core[r_1 .. r_D] prod_d F_d[i_d, r_d]. */
export function tucker(
  factors: readonly Float64Array[],
  core: Float64Array,
  shape: readonly number[],
  ranks: readonly number[],
  scale: number,
): Float64Array {
  return Float64Array.from(indices(shape), index => {
    let sum = 0;
    let at = 0;
    for (const r of indices(ranks)) {
      sum += index.reduce((product, i, axis) => product * factors[axis][i * ranks[axis] + r[axis]], core[at++]);
    }
    return scale * sum;
  });
}
