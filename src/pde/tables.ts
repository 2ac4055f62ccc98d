/** The numbers of what holds no field: a host makes them wherever points are drawn. */

import { InputError } from '../errors.js';
import { shown } from '../host/checks.js';
import { type Discretisation, equationsGrid, gridAxes, type ProblemGrid } from './discretisation.js';
import { type Expression, givenIn, type Point } from './expression.js';
import { eachPoint, placeOf, tabulated } from './grid.js';

/**
 * The tables of one grid, one after the other.
 *
 * @param points of each axis, all of them.
 * @throws InputError a function that gives no number of float32 at a point: a network would be blamed for it.
 */
export function gridTables(of: Discretisation, grid: ProblemGrid, points: readonly Float64Array[]): Float32Array {
  const { tables } = grid.residuals;
  const axes = gridAxes(of, grid, points);
  const indexOf = indexIn(grid);
  const values = tabulated(tables, axes, indexOf);
  const bad = values.findIndex(value => !Number.isFinite(value));
  if (bad < 0) return values;
  const size = values.length / tables.length;
  eachPoint(axes, (point, index) => {
    if (index === bad % size) {
      const said = tables[Math.floor(bad / size)](point, indexOf(index));
      throw refusal(of, grid, point, indexOf(index), said);
    }
  });
  return values;
}

/** From the index of a point in a block to that in its whole grid, both row-major. */
function indexIn({ points, whole }: ProblemGrid): (index: number) => number {
  return index => {
    let [found, stride, rest] = [0, 1, index];
    for (let d = points.length - 1; d >= 0; d--) {
      const [from, to] = points[d];
      const [first, end] = whole[d];
      found += stride * (from - first + (rest % (to - from)));
      stride *= end - first;
      rest = Math.floor(rest / (to - from));
    }
    return found;
  };
}

/** @param said of the table, where no one function of it is to blame. */
function refusal(
  { problem }: Discretisation,
  { name }: ProblemGrid,
  point: Point,
  index: number,
  said: unknown,
): InputError {
  const isEquation = name === equationsGrid;
  const all = isEquation ? problem.equations : problem.conditions.filter(condition => condition.name === name);
  const functionsOf = (residual: Expression) => givenIn(residual).map(at => at(point, index) as unknown);
  const blamed = all.flatMap(one =>
    functionsOf(one.residual)
      .filter(value => !isSingle(value))
      .map(value => ({ name: one.name, value })),
  )[0] ?? { name, value: said };
  return new InputError(
    `${problem.name}: ${isEquation ? 'equation' : 'condition'} ${blamed.name}: a function of the coordinates is ${shown(blamed.value)} at ${placeOf(point)}: let it give a number that float32 holds`,
  );
}

function isSingle(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(Math.fround(value));
}
