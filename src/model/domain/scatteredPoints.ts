/** Scattered points, which lie on no grid: n points of D coordinates. */

import type { Shape } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { requireCount, requireOptions } from '../../host/checks.js';
import { preconditionPoints } from '../../ops/precondition/preconditionPoints.js';
import type { Domain } from './domain.js';

export interface ScatteredPointsOptions {
  /** D, 2 to 6. */
  readonly axes: number;
  /** X, (n, D), point by point; the networks want about [-1, 1]. */
  readonly coordinates?: ArrayLike<number>;
  /** n, where the coordinates are not known: such a model can be evaluated elsewhere, and not trained. */
  readonly points?: number;
}

const mostPoints = 1 << 24;

/**
 * Every factor network runs on all n points, and the i-th rows of the factor matrices belong to the i-th point.
 *
 * @throws InputError a count that is no whole number of points, or a coordinate that is no finite float32.
 */
export function scatteredPoints(options: ScatteredPointsOptions): Domain {
  requireOptions('scatteredPoints', options, { axes: true, coordinates: true, points: true });
  const { axes, coordinates, points } = options;
  requireCount('axes', axes, 2, 6);
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
  const byAxis = Array.from({ length: axes }, (_, axis) =>
    Float64Array.from({ length: count }, (__, i) => coordinates[i * axes + axis]),
  );
  byAxis.forEach((values, axis) => {
    const bad = values.findIndex(value => !Number.isFinite(Math.fround(value)));
    if (bad < 0) return;
    throw new InputError(`coordinates: point ${bad} has ${values[bad]} on axis ${axis}: use finite numbers`);
  });
  return pointsDomain(axes, count, byAxis);
}

function pointsDomain(axes: number, count: number, byAxis?: readonly Float64Array[]): Domain {
  const known = (): readonly Float64Array[] => {
    if (byAxis) return byAxis;
    throw new InputError(
      `coordinates: those of the ${count} scattered points are not known: give a domain, such as grid([256, 256])`,
    );
  };
  const shape: Shape = [count];
  return {
    name: 'points',
    axes,
    shape,
    points: Array<number>(axes).fill(count),
    description: `${count} points of ${axes} axes`,
    isKnown: byAxis !== undefined,
    count: () => count,
    coordinates: which => {
      const own = which.map(axis => known()[axis]);
      if (own.length === 1) return own[0];
      return Float64Array.from(
        { length: count * own.length },
        (_, i) => own[i % own.length][Math.floor(i / own.length)],
      );
    },
    pointAt: ([i]) => known().map(axis => axis[i]),
    formOf: ({ name, onPoints }) => {
      if (onPoints) return onPoints;
      throw new InputError(`a ${name} contraction has no form on scattered points: use cp or jointNetwork`);
    },
    outputShape: outputs => {
      if (outputs === 1) return shape;
      throw new InputError(`a model of ${outputs} outputs has no form on scattered points: use members, or a grid`);
    },
    coordinateAxes: () => Array<number>(axes).fill(0),
    toDevice: values => values,
    toHost: values => values,
    precondition: (cotangent, _, { vectors, scaled }, { combine }) =>
      preconditionPoints(cotangent, vectors, scaled, { axes, combine }),
    part: ([start], [points]) =>
      pointsDomain(
        axes,
        points,
        byAxis?.map(axis => axis.slice(start, start + points)),
      ),
  };
}
