/** What a contraction is: how factor matrices become a tensor, and what networks give those matrices. */

import type { Shape } from '../../buffer/layout.js';
import type { Value } from '../../graph/operation.js';
import type { Random } from '../../host/random.js';
import type { CpAttributes } from '../../ops/contraction/factorMatrices.js';
import { pieces } from '../../ops/elementwise/pieces.js';
import type { Extent } from '../domain/domain.js';
import type { Settings } from '../settings.js';

/** One network of a model. */
export interface NetworkShape {
  /** The axes whose coordinates are its input: one for a factor network. */
  readonly axes: readonly number[];
  /** The width of its factor: numbers that it gives for each point. */
  readonly outputs: number;
}

/** What a value is trained in besides the networks, for one member. */
export interface OwnParameters<Of> {
  /** Whether they are [W | b] of layers, in their order: their inputs are no coordinates. */
  readonly layers?: boolean;
  /** By name, in the order in which they stand in a model's parameters. @throws InputError what does not fit. */
  shapes(of: Of): Readonly<Record<string, Shape>>;
  /** Initial numbers of them all, one after the other, row-major. */
  initial(of: Of, random: Random): Float32Array;
}

/**
 * How a contraction is computed on one kind of domain. Factor matrices come member by member, (points, outputs) for each
 * network; its own parameters member by member; results have one part per member.
 */
export interface ContractionForm {
  /**
   * The output tensor.
   *
   * @param own undefined where the contraction has no parameters.
   * @param extent of one member's output. The factor matrices fit it, which need not be those of the whole domain.
   */
  output(factors: Value, own: Value | undefined, extent: Extent): Value;
  /**
   * Several outputs, sum_r A[o, r] p_r of the products p_r at each point; absent where there are no such products.
   *
   * @param matrices A, (outputs, R) for each member.
   * @param outputAxis where the outputs stand among the axes of the result, as `withMatrixAt` puts a factor matrix.
   * @param how of a CP contraction: its `gradient`, where another one suits so many outputs better.
   */
  readonly mix?: (
    factors: Value,
    matrices: Value,
    extent: Extent,
    outputAxis: number,
    how?: Pick<CpAttributes, 'gradient'>,
  ) => Value;
  /** The derivative of `output` along tangents of the factor matrices; absent where it is not offered. */
  readonly jvp?: (tangents: Value, factors: Value, extent: Extent) => Value;
  /** Whether some rows of the first factor matrix give the same rows of the output, linearly in them: it is then computed in slabs too. */
  readonly slabs: boolean;
  /** Numbers of the largest tensor between its products, for one member; 0 where it has none. */
  between(extent: Extent): number;
}

/**
 * How factor matrices become the output tensor, and which networks give them: `cp`, `tensorTrain`, `tucker`,
 * `jointNetwork`, or a host's own.
 */
export interface Contraction {
  /** By which messages and model files name it. */
  readonly name: string;
  /** What makes it again: a file has it, and `Codec.contractions` takes it. */
  readonly settings: Settings;
  /** R, where the output is a sum of R products of a number from each factor matrix. */
  readonly products?: number;
  /** The networks of a model in so many variables. @throws InputError a number of axes that it does not fit. */
  networks(axes: number): readonly NetworkShape[];
  /** What it is trained in besides the networks, of a model of so many axes; absent where there is nothing. */
  readonly parameters?: OwnParameters<number>;
  /** Its form where the output has an axis for each coordinate. */
  readonly onGrid: ContractionForm;
  /** Its form on points one by one; absent where there is none. */
  readonly onPoints?: ContractionForm;
}

/** The widest output that a network may have. */
export const mostOutputs = 65_536;

/** One factor network per axis. */
export function onePerAxis(widths: readonly number[]): NetworkShape[] {
  return widths.map((outputs, axis) => ({ axes: [axis], outputs }));
}

/**
 * The factor matrices of each member, one per axis, with one more among them: that of an axis besides.
 *
 * @param matrices (points, R) for each member, of the axis that then is `place`.
 */
export function withMatrixAt(place: number, factors: Value, matrices: Value): Value {
  const axes = factors.layout.parts.length / matrices.layout.parts.length;
  const places = matrices.layout.parts.flatMap((_, member) => {
    const own = Array.from({ length: axes }, (__, axis) => ({ stack: 0, part: member * axes + axis }));
    return [...own.slice(0, place), { stack: 1, part: member }, ...own.slice(place)];
  });
  return pieces([factors, matrices], places);
}
