/** Scattered points, which lie on no grid: n points of D coordinates. */

import { InputError } from '../../errors.js';
import { requireCount, requireOptions, shown } from '../../host/checks.js';
import { type Domain, mostAxes, mostPoints } from './domain.js';

/** How many points there are, of how many coordinates, and where they lie. */
export interface ScatteredPointsOptions {
  /** D, coordinates of a point, from 2 to 6. */
  readonly axes: number;
  /** X, (n, D), point by point; the networks want about [-1, 1]. */
  readonly coordinates?: ArrayLike<number>;
  /**
   * n, from 1 to 2^24, where the coordinates are not known: such a model can be evaluated elsewhere, and not trained.
   */
  readonly points?: number;
}

/**
 * n points of D coordinates, which lie on no grid: every factor network runs on all of them, and the i-th rows of the
 * factor matrices belong to the i-th point.
 *
 * @throws InputError a count that is no whole number of points, or a coordinate that is no finite float32.
 */
export function scatteredPoints(options: ScatteredPointsOptions): Domain {
  requireOptions('scatteredPoints', options, { axes: true, coordinates: true, points: true });
  const { axes, coordinates, points } = options;
  requireCount('axes', axes, 2, mostAxes);
  if (coordinates === undefined) {
    requireCount('points', points as number, 1, mostPoints);
    return pointsDomain(axes, points as number);
  }
  const count = coordinates.length / axes;
  if (!Number.isInteger(count) || count < 1 || (points !== undefined && points !== count)) {
    const wanted = points === undefined ? `a whole number of ${axes}` : `${points * axes}`;
    throw new InputError(
      `coordinates: points of ${axes} axes take ${wanted} numbers, point by point, got ${coordinates.length}`,
    );
  }
  requireCount('points', count, 1, mostPoints);
  const bad = Array.prototype.findIndex.call(
    coordinates,
    x => typeof x !== 'number' || !Number.isFinite(Math.fround(x)),
  );
  if (bad >= 0) {
    const [point, axis] = [Math.floor(bad / axes), bad % axes];
    throw new InputError(
      `coordinates: point ${point} has ${shown(coordinates[bad])} on axis ${axis}: use finite numbers`,
    );
  }
  const byAxis = Array.from({ length: axes }, (_, axis) =>
    Float64Array.from({ length: count }, (__, i) => coordinates[i * axes + axis]),
  );
  return pointsDomain(axes, count, byAxis);
}

function pointsDomain(axes: number, count: number, byAxis?: readonly Float64Array[]): Domain {
  return {
    name: 'scattered-points',
    axes,
    shape: [count],
    settings: { points: count },
    isGrid: false,
    ...(byAxis && { coordinates: which => interleaved(which.map(axis => byAxis[axis])) }),
    part: ([start], [points]) =>
      pointsDomain(
        axes,
        points,
        byAxis?.map(axis => axis.slice(start, start + points)),
      ),
  };
}

/** Coordinates axis by axis as points one after the other. */
function interleaved(axes: readonly Float64Array[]): Float64Array {
  const [only] = axes;
  if (axes.length === 1) return only;
  return Float64Array.from(
    { length: only.length * axes.length },
    (_, i) => axes[i % axes.length][Math.floor(i / axes.length)],
  );
}
