/** What the benchmark asks of another library, given the same device, numbers and task. Arrays are row-major f32. */

export interface Peer {
  /** Its name in `--against`. */
  readonly name: string;
  /** Package and version. */
  readonly version: string;
  /** The product of two (n, n) matrices. */
  product(size: number, left: Float32Array, right: Float32Array): Promise<PeerProduct>;
  /** A training step of a CP model. */
  step(setup: StepSetup): Promise<PeerStep>;
  /** A training step on a differential equation. */
  equationStep(setup: EquationSetup): Promise<PeerStep>;
  /** Frees what the library holds; the device is the caller's. */
  dispose(): void;
}

/** Work that can be repeated. */
export interface Repeatable {
  /** Submits the work `times` over; nothing is read back. Whoever asks waits for the device: `contendersOf`. */
  submit(times: number): Promise<void>;
  dispose(): void;
}

export interface PeerProduct extends Repeatable {
  /** The product, (n, n), once it has been submitted. */
  read(): Promise<Float32Array>;
}

export interface PeerStep extends Repeatable {
  /** L = 1/2 sum (Z - Y)^2 with the present parameters. */
  loss(): Promise<number>;
}

/**
 * A CP model Z[i_1 .. i_D] = sum_r prod_d f_d(x_d[i_d])_r, each f_d of 3 linear layers with sin(omega z) between them,
 * trained by Adam (b1 0.9, b2 0.999, epsilon 1e-8) on L = 1/2 sum (Z - Y)^2.
 */
export interface StepSetup {
  /** n_1 .. n_D; D is 2 or 3. */
  readonly grid: readonly number[];
  readonly rank: number;
  readonly width: number;
  readonly omega: number;
  readonly learningRate: number;
  /** x_d, (n_d) for each axis. */
  readonly coordinates: readonly Float32Array[];
  /** For each axis its layers' [W | b]: (W, 2), (W, W + 1), (R, W + 1), the bias as the last column. */
  readonly parameters: readonly (readonly Float32Array[])[];
  /** Y, (n_1 .. n_D). */
  readonly target: Float32Array;
  /**
   * S_d, (n_d, n_d) for each axis, held fixed: the cotangent G = Z - Y is replaced by P = sum_d G x_d S_d. Absent for
   * plain gradients.
   */
  readonly preconditioners?: readonly Float32Array[];
}

/** A condition u = g on a range of the points of each axis. */
export interface ConditionSetup {
  readonly ranges: readonly (readonly [from: number, to: number])[];
  /** g, of the ranges' shape. */
  readonly target: Float32Array;
  readonly weight: number;
}

/**
 * u_tt - u_xx - u_yy + u^2 = f with conditions, for a CP model of tanh networks that carry derivatives to the second,
 * trained by Adam as in `StepSetup` on the mean square of the residual and of each condition, by weight.
 */
export interface EquationSetup {
  readonly rank: number;
  readonly width: number;
  readonly learningRate: number;
  /** All points of each axis: first those of the equation, then those at which conditions stand. */
  readonly coordinates: readonly Float32Array[];
  /** Points of each axis of the equation. */
  readonly grid: readonly number[];
  /** For each axis its layers' [W | b]: (W, 2), (W, W + 1) so often, (R, W + 1). */
  readonly parameters: readonly (readonly Float32Array[])[];
  /** f, of the grid's shape. */
  readonly source: Float32Array;
  readonly conditions: readonly ConditionSetup[];
}
