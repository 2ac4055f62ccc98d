import { cp } from './cp.js';
import { type LossName, pointwiseLoss } from './pointwiseLoss.js';

/** The loss of a CP model's output against a target, and its cotangent. */
export function cpResidual(
  factors: readonly Float64Array[],
  shape: readonly number[],
  rank: number,
  scale: number,
  target: Float64Array,
  name: LossName,
): { loss: number; cotangent: Float64Array } {
  return pointwiseLoss(cp(factors, shape, rank, scale), target, name);
}
