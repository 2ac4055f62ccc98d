import { type LossName, pointwiseLoss } from '../objective/pointwiseLoss.js';
import { cp } from './cp.js';

/** The loss of a CP model's output against a target, and its cotangent. */
export function cpLoss(
  factors: readonly Float64Array[],
  shape: readonly number[],
  rank: number,
  scale: number,
  target: Float64Array,
  name: LossName,
): { loss: number; cotangent: Float64Array } {
  return pointwiseLoss(cp(factors, shape, rank, scale), target, name);
}
