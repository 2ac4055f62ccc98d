import type { TtStepSizes } from './ttStep.js';

/** dT_{d-1}[a, r] = sum_{i, s} dT_d[a, i, s] F_d[i, r, s]. */
export function ttPrefixCotangent(cotangent: Float64Array, core: Float64Array, sizes: TtStepSizes): Float64Array {
  const { rows, points, before, rank } = sizes;
  return Float64Array.from({ length: rows * before }, (_, at) => {
    const [a, r] = [Math.floor(at / before), at % before];
    let sum = 0;
    for (let i = 0; i < points; i++) {
      for (let s = 0; s < rank; s++) {
        sum += cotangent[(a * points + i) * rank + s] * core[(i * before + r) * rank + s];
      }
    }
    return sum;
  });
}
