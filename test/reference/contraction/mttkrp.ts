import { indices } from '../host/grid.js';

/** M[i_d, r] = scale sum over all other indices of P[i] prod_{d' != d} F_d'[i_d', r]. */
export function mttkrp(
  tensor: Float64Array,
  factors: readonly Float64Array[],
  shape: readonly number[],
  rank: number,
  scale: number,
  axis: number,
): Float64Array {
  const result = new Float64Array(shape[axis] * rank);
  let at = 0;
  for (const index of indices(shape)) {
    const value = tensor[at++];
    for (let r = 0; r < rank; r++) {
      let product = scale * value;
      index.forEach((i, d) => {
        if (d !== axis) product *= factors[d][i * rank + r];
      });
      result[index[axis] * rank + r] += product;
    }
  }
  return result;
}
