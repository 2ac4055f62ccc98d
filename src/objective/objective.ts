/** What an objective is: how a model's output is held against a target. */

import type { CotangentMap } from '../graph/differentiate.js';
import type { Value } from '../graph/operation.js';
import type { SlotText } from '../kernel/kernel.js';
import { pointwiseLoss } from '../ops/objective/pointwiseLoss.js';

/** A loss with what its gradient wants on the way. */
export interface Goal {
  /** L, a scalar: the sum of all terms. */
  readonly loss: Value;
  /** Where a preconditioner of the model's output acts on the cotangent: at the output itself by default. */
  readonly preconditioned?: readonly Value[];
  /**
   * Transformations of the objective's own: what to put instead of the cotangent that reaches a value. Those of an
   * additive objective act point by point.
   */
  readonly transformations?: ReadonlyMap<Value, CotangentMap>;
}

/** What a model's output is held against: `squaredError`, `bceWithLogits`, `pointwise`, or a host's own. */
export interface Objective {
  /** By which messages name it. */
  readonly name: string;
  /** Whether the loss of a whole is the sum of those of its parts: only such a one can be trained in slabs. */
  readonly additive: boolean;
  /** l(z, y), where the loss is the sum of it over all points and nothing else: see `pointwise`. */
  readonly loss?: SlotText;
  /**
   * The goal as nodes of a graph.
   *
   * @param output Z, of `outputShapes`: a tensor for each member.
   * @param target Y, of the same shapes; a NaN marks a point that is left out.
   */
  goal(output: Value, target: Value): Goal;
}

/**
 * An objective that is a sum over points, L = sum l(z, y). Of a CP model on a grid it is taken as the contraction's output
 * is stored, which then need not be.
 *
 * @param loss WGSL that defines `fn lossAt(z: f32, y: f32) -> vec2f`: l, and its derivative by z.
 */
export function pointwise(loss: SlotText): Objective {
  return { name: loss.name, additive: true, loss, goal: (output, target) => pointwiseLoss(output, target, loss) };
}
