/**
 * What a readout is: what stands between a contraction and the model's output. It acts point by point: the output at a
 * point depends on what the contraction gives at that point and on nothing else. Tiles, slabs and the tangent kernel of
 * single points are right only then, and nobody can check it.
 */

import type { Value } from '../../graph/operation.js';
import type { CpAttributes } from '../../ops/contraction/factorMatrices.js';
import type { OwnParameters } from '../contraction/contraction.js';
import type { Settings } from '../settings.js';

/** What a contraction offers to be read, for all members together. */
export interface Contracted {
  /** One number per point. */
  output(): Value;
  /**
   * Several numbers per point: sum_r A[o, r] p_r of the R products p_r there, A (outputs, R) for each member.
   *
   * @param how as for `ContractionForm.mix`.
   * @throws InputError where the contraction has no such products on its domain.
   */
  mix(matrices: Value, how?: Pick<CpAttributes, 'gradient'>): Value;
}

/**
 * What stands between a contraction and the model's output, point by point: `identity`, `mixing`, `decoder`, or a
 * host's own.
 */
export interface Readout {
  /** By which messages and model files name it. */
  readonly name: string;
  /** What makes it again: a file has it, and `Codec.readouts` takes it. */
  readonly settings: Settings;
  /** Outputs of one member. */
  readonly outputs: number;
  /** Numbers of a point that are stored between contraction and output, where there are such. */
  readonly hidden?: number;
  /** Whether it is linear in what the contraction gives: only then can SepPGD work in slabs. */
  readonly linear: boolean;
  /** Of a contraction of so many products that it can mix on its domain; undefined where it has none. */
  readonly parameters?: OwnParameters<number | undefined>;
  /**
   * The model's output: a tensor for each member, of `outputShapes`.
   *
   * @param own undefined where the readout has no parameters.
   */
  output(contracted: Contracted, own: Value | undefined): Value;
  /**
   * The derivative of `output` along a tangent of what the contraction gives, for a readout of one output without
   * parameters; absent where it is not offered.
   */
  readonly jvp?: (tangent: Value, contracted: Contracted) => Value;
}
