/** A problem with its solution known on the points of the equations, as one more condition. */

import { InputError } from '../errors.js';
import { mostOf } from '../host/arrays.js';
import { derivativeOf, type Expression, given, type Point } from './expression.js';
import { evenPoints } from './grid.js';
import type { Problem, Reference } from './problem.js';

/**
 * With a condition `data`, u = solution on the grid of the equations, for every field whose solution is known. Points weigh
 * nothing where a reference has none.
 *
 * @throws InputError a problem without a solution or a reference, or a reference that ends before an axis does or whose points
 *   do not stand at equal distances.
 */
export function observed(problem: Problem, weight: number): Problem {
  const reference = problem.reference?.();
  const known = problem.fields.flatMap(field => {
    const values = reference?.values[field];
    if (Object.hasOwn(problem.exact, field)) return [{ field, solution: problem.exact[field], hasGaps: false }];
    if (!reference || !values) return [];
    requireWhole(problem, reference);
    return [{ field, solution: interpolated(reference, values), hasGaps: Array.from(values).some(Number.isNaN) }];
  });
  if (known.length === 0) throw new InputError(`${problem.name}: its solution is not known: there are no data`);
  const conditions = known.map(({ field, solution, hasGaps }) => ({
    name: known.length === 1 ? 'data' : `data-${field}`,
    at: {},
    residual: hasGaps ? withGaps(field, solution) : difference(field, solution),
    weight,
  }));
  return { ...problem, conditions: [...problem.conditions, ...conditions] };
}

/** What single precision leaves of equal distances, in lengths of the axis. */
const rounding = 1e-6;

function requireWhole({ name, axes }: Problem, reference: Reference): void {
  for (const [axis, [from, to]] of Object.entries(axes)) {
    const points = reference.axes[axis];
    const even = evenPoints([from, to], points.length);
    const off = mostOf([...even], (x, i) => Math.abs(x - points[i]));
    if (points.length > 1 && off <= rounding * (to - from)) continue;
    throw new InputError(
      `${name}: reference: axis ${axis} is not whole, or uneven: give points at equal distances from ${from} to ${to} for data`,
    );
  }
}

function difference(field: string, solution: (point: Point) => number): Expression {
  return derivativeOf(field, {}).minus(given(solution));
}

/** 0 where the solution is NaN. */
function withGaps(field: string, solution: (point: Point) => number): Expression {
  const isKnown = (point: Point) => (Number.isNaN(solution(point)) ? 0 : 1);
  return difference(field, point => solution(point) || 0).times(given(isKnown));
}

/** Linear along each axis between the points of a reference, which stand at equal distances. */
function interpolated({ axes }: Reference, values: ArrayLike<number>): (point: Point) => number {
  const names = Object.keys(axes);
  const at = (point: Point, axis: number, index: number): number => {
    if (axis === names.length) return values[index];
    const points = axes[names[axis]];
    const place = ((point[names[axis]] - points[0]) / (points[points.length - 1] - points[0])) * (points.length - 1);
    const below = Math.min(Math.floor(place), points.length - 2);
    const corner = (i: number) => at(point, axis + 1, index * points.length + i);
    const low = corner(below);
    // What stands beside a point of the reference may be NaN.
    return place === below ? low : low + (place - below) * (corner(below + 1) - low);
  };
  return point => at(point, 0, 0);
}
