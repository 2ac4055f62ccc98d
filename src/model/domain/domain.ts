/** What a domain is: the points on which a model's output lies, in the order of a host and in that of the device. */

import type { Shape } from '../../buffer/layout.js';
import type { Value } from '../../graph/operation.js';
import type { Numbers } from '../../host/arrays.js';
import type { Combine, ModulatedBasis } from '../../ops/precondition/precondition.js';
import type { Contraction, ContractionForm, Extent } from '../contraction/contraction.js';

/** How the preconditioners of the axes are applied. */
export interface AlongAxes {
  readonly combine: Combine;
  /** k of each axis. */
  readonly topK: readonly number[];
}

export interface Domain extends Extent {
  /** By which messages and model files name it. */
  readonly name: string;
  /** Points of each axis: those on which a factor network of its coordinate runs. */
  readonly points: readonly number[];
  /** For a message: 128 x 128, or 500 points of 2 axes. */
  readonly description: string;
  /** Whether its coordinates are known; those of scattered points out of a model file need not be. */
  readonly isKnown: boolean;
  /** Points on which a network of the coordinates of these axes runs. */
  count(axes: readonly number[]): number;
  /**
   * Those points, (count, axes), row-major.
   *
   * @throws InputError a domain whose coordinates are not known.
   */
  coordinates(axes: readonly number[]): Float64Array;
  /** The D coordinates of the point with this index in `shape`. @throws InputError as `coordinates`. */
  pointAt(index: readonly number[]): readonly number[];
  /** The form that a contraction has here. @throws InputError one that has none. */
  formOf(contraction: Contraction): ContractionForm;
  /** Axes on the device of one member's output, where it has so many. @throws InputError more than the domain takes. */
  outputShape(outputs: number): Shape;
  /** Which of those axes each coordinate runs along. */
  coordinateAxes(outputs: number): readonly number[];
  /** Numbers of every member's output from the host's order, (members, outputs, then `shape`), to the device's. */
  toDevice(values: Numbers, outputs: number): Numbers;
  /** And back. */
  toHost(values: Float32Array, outputs: number): Float32Array;
  /** Every axis's S_d = I - V_d^T C_d V_d applied to a tensor of `outputShape`, each along its own axis. */
  precondition(cotangent: Value, outputs: number, basis: ModulatedBasis, how: AlongAxes): Value;
  /** A block of it: the points from `start` on in every axis of `shape`, so many. */
  part(start: readonly number[], shape: Shape): Domain;
}
