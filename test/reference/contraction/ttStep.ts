/** The sizes of one step of a tensor train: a of `rows`, i of `points`, r of `before`, s of `rank`. */
export interface TtStepSizes {
  readonly rows: number;
  readonly points: number;
  readonly before: number;
  readonly rank: number;
}

/** T_d[a, i, s] = sum_r T_{d-1}[a, r] F_d[i, r, s]. */
export function ttStep(prefix: Float64Array, core: Float64Array, sizes: TtStepSizes): Float64Array {
  const { rows, points, before, rank } = sizes;
  const result = new Float64Array(rows * points * rank);
  for (let a = 0; a < rows; a++) {
    for (let i = 0; i < points; i++) {
      for (let r = 0; r < before; r++) {
        for (let s = 0; s < rank; s++) {
          result[(a * points + i) * rank + s] += prefix[a * before + r] * core[(i * before + r) * rank + s];
        }
      }
    }
  }
  return result;
}
