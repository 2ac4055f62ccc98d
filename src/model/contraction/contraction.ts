/** What a contraction is: how factor matrices become a tensor, and what networks give those matrices. */

import type { Shape } from '../../buffer/layout.js';
import type { Value } from '../../graph/operation.js';
import type { Random } from '../../host/random.js';

/** What a domain says of a member's output where it has one output. */
export interface Extent {
  /** D. */
  readonly axes: number;
  /** (n_1 .. n_D) on a grid, (n) of scattered points. */
  readonly shape: Shape;
}

/** One network of a model. */
export interface NetworkShape {
  /** The axes whose coordinates are its input: one for a factor network. */
  readonly axes: readonly number[];
  /** The width of its factor: numbers that it gives for each point. */
  readonly outputs: number;
}

/** What a value is trained in besides the networks, for one member. */
export interface OwnParameters<Of> {
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
  /** Several outputs, sum_r A[o, r] p_r of the products p_r at each point; absent where there are no such products. */
  readonly mix?: (factors: Value, matrices: Value) => Value;
  /** The derivative of `output` along tangents of the factor matrices; absent where it is not offered. */
  readonly jvp?: (tangents: Value, factors: Value, extent: Extent) => Value;
  /** Whether some rows of the first factor matrix give the same rows of the output, linearly in them: see train/slabs. */
  readonly slabs: boolean;
  /** Numbers of the largest tensor between its products, for one member; 0 where it has none. */
  between(extent: Extent): number;
}

export interface Contraction {
  /** By which messages and model files name it. */
  readonly name: string;
  /** What makes it again: numbers and lists of numbers. */
  readonly settings: Readonly<Record<string, number | readonly number[]>>;
  /** R, where the output is a sum of R products of a number from each factor matrix. */
  readonly products?: number;
  /** The networks of a model in so many variables. @throws InputError a number of axes that it does not fit. */
  networks(axes: number): readonly NetworkShape[];
  readonly parameters?: OwnParameters<number>;
  readonly onGrid: ContractionForm;
  /** Absent where there is no such form. */
  readonly onPoints?: ContractionForm;
}

/** The widest output that a network may have. */
export const mostOutputs = 65_536;

/** One factor network per axis. */
export function onePerAxis(widths: readonly number[]): NetworkShape[] {
  return widths.map((outputs, axis) => ({ axes: [axis], outputs }));
}
