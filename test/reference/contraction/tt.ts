import { indices } from '../host/grid.js';

/** Z[i_1 .. i_D] = scale F_1[i_1] F_2[i_2] .. F_D[i_D], F_d[i] (R_{d-1}, R_d), r_{d-1} slow; ranks R_1 .. R_{D-1}. */
export function tt(
  factors: readonly Float64Array[],
  shape: readonly number[],
  ranks: readonly number[],
  scale: number,
): Float64Array {
  const all = [1, ...ranks, 1];
  return Float64Array.from(indices(shape), index => {
    let row = Float64Array.of(scale);
    index.forEach((i, axis) => {
      const [before, rank] = [all[axis], all[axis + 1]];
      const next = new Float64Array(rank);
      for (let r = 0; r < before; r++) {
        for (let s = 0; s < rank; s++) next[s] += row[r] * factors[axis][(i * before + r) * rank + s];
      }
      row = next;
    });
    return row[0];
  });
}
