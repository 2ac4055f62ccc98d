/** The points of grids as functions of the coordinates want them. */

import { InputError, isInputError } from '../errors.js';
import { shown } from '../host/checks.js';
import { numeric, type Point, type TableFunction } from './expression.js';

/** The coordinates of each axis of a grid, by the axes' names in their order. */
export type AxisPoints = Readonly<Record<string, ArrayLike<number>>>;

/**
 * Calls `visit` at every point of a grid, row-major. The point is one object, whose numbers change.
 *
 * @throws InputError whatever a host's function throws there, with the point.
 */
export function eachPoint(axes: AxisPoints, visit: (point: Point, index: number) => void): void {
  const names = Object.keys(axes);
  const point: Record<string, number> = {};
  let index = 0;
  const walk = (axis: number): void => {
    if (axis === names.length) {
      visit(point, index++);
      return;
    }
    const name = names[axis];
    const values = axes[name];
    for (let i = 0; i < values.length; i++) {
      point[name] = values[i];
      walk(axis + 1);
    }
  };
  try {
    walk(0);
  } catch (error) {
    if (isInputError(error)) throw error;
    const said = shown(error instanceof Error ? error.message : error);
    throw new InputError(`a function of the coordinates throws ${said} at ${placeOf(point)}: let it give a number`);
  }
}

/** A point as messages have it. */
export function placeOf(point: Point): string {
  return Object.entries(point)
    .map(([axis, x]) => `${axis} = ${x}`)
    .join(', ');
}

/** How many points a grid has on each axis. */
export function shapeOf(axes: AxisPoints): number[] {
  return Object.values(axes).map(({ length }) => length);
}

/** The values of functions on a grid, one after the other. @param indexOf from a point's index here to that in a grid of which this is a block. */
export function tabulated(
  tables: readonly TableFunction[],
  axes: AxisPoints,
  indexOf = (index: number) => index,
): Float32Array {
  const size = shapeOf(axes).reduce((product, n) => product * n, 1);
  const values = new Float32Array(tables.length * size);
  eachPoint(axes, (point, index) => {
    const known = indexOf(index);
    tables.forEach((table, i) => {
      values[i * size + index] = numeric(table(point, known));
    });
  });
  return values;
}

/** n points at equal distances, ends included; a single point is the middle. */
export function evenPoints([from, to]: readonly [number, number], n: number): Float64Array {
  if (n === 1) return Float64Array.of((from + to) / 2);
  return Float64Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));
}
