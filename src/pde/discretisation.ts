/**
 * A problem on points: which networks there are and which derivatives they carry, the points of each axis, and the grids
 * of equations and conditions, each a range of every axis's points.
 *
 * A network runs once on all points of its axis, those of the equations first and then the coordinates at which conditions
 * stand: so a face costs a network one point, and no condition is mixed into the grid of another.
 */

import { sizeOf } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import { requireCount, shown } from '../host/checks.js';
import type { Random } from '../host/random.js';
import type { FieldTerm } from '../ops/contraction/contractFields.js';
import type { Range } from '../ops/elementwise/pieces.js';
import type { AxisPoints } from './grid.js';
import { evenPoints } from './grid.js';
import type { Problem, SettledCondition, SettledEquation } from './problem.js';
import { type CompiledResiduals, compileResiduals } from './residualText.js';

/** One grid, or a block of one, with what is to be zero on it. */
export interface ProblemGrid {
  /** 'equations', or that of the condition which holds on it. */
  readonly name: string;
  /** Which of all points of each axis are its own. */
  readonly points: readonly Range[];
  /** Fields and derivatives that stand in its residuals. */
  readonly fields: readonly FieldTerm[];
  /** What is to be zero on it, compiled for the device and in float64. */
  readonly residuals: CompiledResiduals;
  /** Residuals of a point. */
  readonly count: number;
  /** Its points and those of the other blocks. */
  readonly whole: readonly Range[];
}

/** A problem on points: its grids, and what its networks must carry there. */
export interface Discretisation {
  /** What is discretised. */
  readonly problem: Problem;
  /** The points of each axis, in the problem's order. */
  readonly counts: readonly number[];
  /** The highest derivative that each network carries: field by field, axis by axis. */
  readonly orders: readonly number[];
  /** That of the equations, then one for each condition of a weight above 0; of one that goes in slabs several. */
  readonly grids: readonly ProblemGrid[];
  /** All points of each axis: those of the equations drawn or at equal distances, then the conditions'. */
  points(random: Random | undefined): readonly Float64Array[];
}

/** Twice what a point counts: a loss is the mean of weighted squares. */
export function lossScale({ whole }: ProblemGrid): number {
  return 2 / sizeOf(shapeOfRanges(whole));
}

/** The name of the grid of a problem's equations. */
export const equationsGrid = 'equations';

const fewestPoints = 3;
const mostPoints = 4096;

/**
 * A problem on points: its grids, and which derivatives its networks carry.
 *
 * @param points of the equations, on every axis or by the axes' names; from 3 to 4096.
 * @throws InputError another number of points on an axis, or none for one.
 */
export function discretise(problem: Problem, points: number | Readonly<Record<string, number>>): Discretisation {
  const axes = Object.keys(problem.axes);
  const interior = axes.map(axis => {
    const count = typeof points === 'number' ? points : points[axis];
    requireCount(`points: axis ${axis}`, count, fewestPoints, mostPoints);
    return count;
  });
  if (typeof points === 'object') {
    const unknown = Object.keys(points).find(axis => !axes.includes(axis));
    if (unknown !== undefined)
      throw new InputError(`points: there is no axis ${shown(unknown)}: use ${axes.join(', ')}`);
  }
  const fixed = axes.map((): number[] => []);
  const rangeOf = (axis: number, at: number | readonly number[] | undefined): Range => {
    if (at === undefined) return [0, interior[axis]];
    const wanted = [at].flat();
    const own = fixed[axis];
    let start = own.findIndex((_, i) => wanted.every((x, j) => own[i + j] === x));
    if (start < 0) start = own.push(...wanted) - wanted.length;
    return [interior[axis] + start, interior[axis] + start + wanted.length];
  };
  const all: readonly (Pick<SettledCondition, 'name' | 'at'> & { readonly equations: readonly SettledEquation[] })[] = [
    { name: equationsGrid, at: {}, equations: problem.equations },
    ...problem.conditions.map(condition => ({ ...condition, equations: [condition] })),
  ];
  const grids = all
    .map(({ name, at, equations }) => ({ name, at, equations: equations.filter(({ weight }) => weight > 0) }))
    .filter(({ equations }) => equations.length > 0)
    .map(({ name, at, equations }): ProblemGrid => {
      const residuals = compileResiduals(equations);
      if (residuals.fields.length === 0) {
        throw new InputError(`${problem.name}: ${name} holds no field: write it with ${problem.fields.join(', ')}`);
      }
      const ranges = axes.map((axis, d) => rangeOf(d, at[axis]));
      return {
        name,
        points: ranges,
        whole: ranges,
        residuals,
        count: equations.length,
        fields: residuals.fields.map(({ field, orders }) => ({
          model: problem.fields.indexOf(field),
          orders: axes.map(axis => orders[axis] ?? 0),
        })),
      };
    });
  const terms = grids.flatMap(({ fields }) => fields);
  const orders = problem.fields.flatMap((_, model) =>
    axes.map((_, d) => Math.max(0, ...terms.filter(term => term.model === model).map(term => term.orders[d]))),
  );
  return {
    problem,
    counts: interior.map((n, d) => n + fixed[d].length),
    orders,
    grids,
    points: random =>
      axes.map((axis, d) => {
        const [from, to] = problem.axes[axis];
        const own = random
          ? Float64Array.from({ length: interior[d] }, () => random.uniform(from, to))
          : evenPoints([from, to], interior[d]);
        return Float64Array.from([...own, ...fixed[d]]);
      }),
  };
}

/** The coordinates of one grid's axes, from all points of each axis. */
export function gridAxes(
  { problem }: Discretisation,
  { points: ranges }: ProblemGrid,
  points: readonly Float64Array[],
): AxisPoints {
  return Object.fromEntries(
    Object.keys(problem.axes).map((axis, d) => [axis, points[d].subarray(ranges[d][0], ranges[d][1])]),
  );
}

/** Rows of the jets of a network, by its place among all. */
export function jetRows({ orders, counts }: Discretisation, network: number): number {
  return (orders[network] + 1) * counts[network % counts.length];
}

/** Points of each axis. */
export function shapeOfRanges(ranges: readonly Range[]): number[] {
  return ranges.map(([from, to]) => to - from);
}
