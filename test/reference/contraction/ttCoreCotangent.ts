import type { TtStepSizes } from './ttStep.js';

/** M_d[i, r, s] = sum_a T_{d-1}[a, r] dT_d[a, i, s]. */
export function ttCoreCotangent(prefix: Float64Array, cotangent: Float64Array, sizes: TtStepSizes): Float64Array {
  const { rows, points, before, rank } = sizes;
  return Float64Array.from({ length: points * before * rank }, (_, at) => {
    const [i, r, s] = [Math.floor(at / rank / before), Math.floor(at / rank) % before, at % rank];
    let sum = 0;
    for (let a = 0; a < rows; a++) sum += prefix[a * before + r] * cotangent[(a * points + i) * rank + s];
    return sum;
  });
}
