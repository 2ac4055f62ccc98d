import { given } from '../expression.js';
import { evenPoints } from '../grid.js';
import { defineProblem, type Problem, type Reference } from '../problem.js';

/** The square without its quarter of positive x and y. */
const inside = (x: number, y: number) => (x > 0 && y > 0 ? 0 : 1);

/** -Laplace u = 1 on an L, 0 on its edges: what lies outside weighs nothing. */
export const poissonL = (): Problem =>
  defineProblem({
    name: 'poisson-l',
    axes: { x: [-1, 1], y: [-1, 1] },
    fields: ['u'],
    equations: ({ u }) => [u.dxx.plus(u.dyy, 1).times(given(({ x, y }) => inside(x, y)))],
    conditions: ({ u }) => [
      ...(['x', 'y'] as const).flatMap(axis => [
        { name: `${axis}-low`, at: { [axis]: -1 }, residual: u, weight: 10 },
        { name: `${axis}-high`, at: { [axis]: 1 }, residual: u.times(given(({ x, y }) => inside(x, y))), weight: 10 },
      ]),
      { name: 'x-notch', at: { x: 0 }, residual: u.times(given(({ y }) => (y > 0 ? 1 : 0))), weight: 10 },
      { name: 'y-notch', at: { y: 0 }, residual: u.times(given(({ x }) => (x > 0 ? 1 : 0))), weight: 10 },
    ],
    reference: () => poissonReference(64),
  });

/** By the five-point formula, solved by successive over-relaxation; NaN outside the L. @param cells an even number. */
export function poissonReference(cells: number): Reference {
  const n = cells + 1;
  const points = evenPoints([-1, 1], n);
  const u = new Float64Array(n * n);
  const spacing = 2 / cells;
  const relaxation = 2 / (1 + Math.sin(Math.PI / cells));
  const isFree = (i: number, j: number) =>
    i > 0 && j > 0 && i < cells && j < cells && !(2 * i >= cells && 2 * j >= cells);
  for (let change = 1; change > 1e-10; ) {
    change = 0;
    for (let i = 1; i < cells; i++) {
      for (let j = 1; j < cells; j++) {
        if (!isFree(i, j)) continue;
        const at = i * n + j;
        const wanted = (u[at - 1] + u[at + 1] + u[at - n] + u[at + n] + spacing ** 2) / 4;
        change = Math.max(change, Math.abs(wanted - u[at]));
        u[at] += relaxation * (wanted - u[at]);
      }
    }
  }
  const values = u.map((value, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    return 2 * i > cells && 2 * j > cells ? Number.NaN : value;
  });
  return { axes: { x: points, y: points }, values: { u: values } };
}
