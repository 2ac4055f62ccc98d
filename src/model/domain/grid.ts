/** A grid: every combination of the points of D axes. */

import { InputError } from '../../errors.js';
import { isList, requireCount, requireList, requireNumber, shown } from '../../host/checks.js';
import { type Domain, mostAxes, mostPoints } from './domain.js';
import { partOfLinspace } from './linspace.js';

/** The points of an axis: how many from -1 to 1, or their coordinates. */
export type Axis = number | ArrayLike<number>;

/**
 * A grid of 2 to 6 axes, row-major, the last axis fastest.
 *
 * @param axes the points of each axis; the networks want coordinates of about [-1, 1].
 * @throws InputError a number of axes out of range, an axis without points, or a coordinate that is no finite float32.
 */
export function grid(axes: readonly Axis[]): Domain {
  requireList('grid', axes, 'give one such as [128, 128]');
  requireCount('grid: axes', axes.length, 2, mostAxes);
  return gridOf(Array.from(axes, pointsOfAxis));
}

/** The points of one axis, made only where they are asked for: a file may claim any number of them. */
interface AxisPoints {
  readonly count: number;
  values(): Float64Array;
  part(from: number, to: number): AxisPoints;
}

function uniform(n: number, from = 0, to = n): AxisPoints {
  return {
    count: to - from,
    values: () => partOfLinspace(n, from, to),
    part: (start, end) => uniform(n, from + start, from + end),
  };
}

function given(values: Float64Array): AxisPoints {
  return { count: values.length, values: () => values, part: (from, to) => given(values.slice(from, to)) };
}

function pointsOfAxis(axis: Axis, d: number): AxisPoints {
  if (typeof axis === 'number') {
    requireCount('grid', axis, 1, mostPoints);
    return uniform(axis);
  }
  if (!isList(axis)) {
    throw new InputError(`grid: axis ${d} is ${shown(axis)}: give a number of points, or their coordinates`);
  }
  requireCount(`grid: points of axis ${d}`, axis.length, 1, mostPoints);
  for (let i = 0; i < axis.length; i++) requireNumber(`grid: axis ${d}, point ${i}`, axis[i]);
  return given(Float64Array.from(axis));
}

/** The same of axes that were checked before. */
function gridOf(axes: readonly AxisPoints[]): Domain {
  const shape = axes.map(({ count }) => count);
  return {
    name: 'grid',
    axes: axes.length,
    shape,
    settings: { points: shape },
    isGrid: true,
    coordinates: which => listed(which.map(axis => axes[axis].values())),
    part: (start, points) => gridOf(axes.map((axis, d) => axis.part(start[d], start[d] + points[d]))),
  };
}

/** All points of a grid one by one, (n, D), row-major: the last axis fastest. */
function listed(axes: readonly Float64Array[]): Float64Array {
  const [only] = axes;
  if (axes.length === 1) return only;
  const count = axes.reduce((product, { length }) => product * length, 1);
  const points = new Float64Array(count * axes.length);
  let repeats = count; // consecutive points with one coordinate on the axis
  axes.forEach((axis, d) => {
    repeats /= axis.length;
    for (let i = 0; i < count; i++) points[i * axes.length + d] = axis[Math.floor(i / repeats) % axis.length];
  });
  return points;
}
