/** What a domain is: the points on which a model's output lies. It knows neither models nor what is done on the device. */

import { type Shape, sizeOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import type { Settings } from '../settings.js';

/** Coordinates that a model takes at most. */
export const mostAxes = 6;
/** Points of an axis, and points on which one network runs: past so many, neighbours are one number in float32. */
export const mostPoints = 2 ** 24;

/** How far a member's output reaches, where it has one number per point. */
export interface Extent {
  /** D: coordinates of a point. */
  readonly axes: number;
  /** (n_1 .. n_D) on a grid, else (n). */
  readonly shape: Shape;
}

/** The points on which a model's output lies: `grid`, `scatteredPoints`, or a host's own. */
export interface Domain extends Extent {
  /** By which messages and model files name it. */
  readonly name: string;
  /** What makes it again beside its axes; the coordinates of a grid or of scattered points are not part of it. */
  readonly settings: Settings;
  /**
   * Whether its points are every combination of those of its axes. The output then has an axis for each coordinate, in
   * their order; else the points stand one by one on its only axis, along which all coordinates run.
   */
  readonly isGrid: boolean;
  /**
   * The points on which a network of the coordinates of these axes runs, (points, axes), row-major. Absent where they are
   * not known, as those of scattered points out of a model file need not be.
   */
  readonly coordinates?: (axes: readonly number[]) => Float64Array;
  /** A block of it: the points from `start` on in every axis of `shape`, so many. */
  part(start: readonly number[], shape: Shape): Domain;
}

export function everyAxis({ axes }: Extent): readonly number[] {
  return Array.from({ length: axes }, (_, axis) => axis);
}

/** Points on which a network of the coordinates of these axes runs. */
export function countOf({ isGrid, shape }: Domain, axes: readonly number[]): number {
  return isGrid ? sizeOf(axes.map(axis => shape[axis])) : shape[0];
}

/** Points on which the factor network of each axis runs. */
export function axisPoints(domain: Domain): readonly number[] {
  return everyAxis(domain).map(axis => countOf(domain, [axis]));
}

/** For a message: 128 x 128, or 500 points of 2 axes. */
export function descriptionOf({ isGrid, shape, axes }: Domain): string {
  return isGrid ? shape.join(' x ') : `${shape[0]} points of ${axes} axes`;
}

/** `Domain.coordinates`, of all axes by default. @throws InputError a domain whose coordinates are not known. */
export function coordinatesOf(domain: Domain, axes: readonly number[] = everyAxis(domain)): Float64Array {
  if (domain.coordinates) return domain.coordinates(axes);
  throw new InputError(
    `coordinates: those of the ${descriptionOf(domain)} are not known: give a domain, such as grid([256, 256])`,
  );
}
