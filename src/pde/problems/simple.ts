import { type Expression, given, type Point } from '../expression.js';
import { defineProblem, type Field, type Problem } from '../problem.js';

const { PI, sin, cos, exp, sqrt } = Math;

/** Laplace u = f on a square, 0 on its edges. */
export const poisson = (): Problem =>
  defineProblem({
    name: 'poisson',
    axes: { x: [-1, 1], y: [-1, 1] },
    fields: ['u'],
    equations: ({ u }) => [u.dxx.plus(u.dyy).minus(given(({ x, y }) => -2 * PI ** 2 * sin(PI * x) * sin(PI * y)))],
    conditions: ({ u }) => [
      { name: 'x-faces', at: { x: [-1, 1] }, residual: u, weight: 20 },
      { name: 'y-faces', at: { y: [-1, 1] }, residual: u, weight: 20 },
    ],
    exact: { u: ({ x, y }) => sin(PI * x) * sin(PI * y) },
  });

/** Axes of space, of which the first so many are taken. */
const space = ['x', 'y', 'z', 'v', 'w'];

/** A problem in time and some dimensions of space, whose solution is a sine in each of them, 0 on the faces. */
function inSpace(
  name: string,
  dimensions: number,
  inTime: (t: number) => number,
  equation: (u: Field, laplace: Expression) => Expression,
  startsAtRest: boolean,
): Problem {
  const axes = space.slice(0, dimensions);
  const solution = (point: Point) => axes.reduce((value, axis) => value * sin(PI * point[axis]), inTime(point.t));
  return defineProblem<string, 'u'>({
    name: dimensions === 1 ? name : `${name}-${dimensions + 1}d`,
    axes: { t: [0, 1], ...Object.fromEntries(axes.map(axis => [axis, [-1, 1] as const])) },
    fields: ['u'],
    equations: ({ u }) => {
      const [first, ...rest] = axes.map((axis): Expression => u[`d${axis}${axis}`]);
      return [equation(u, first.plus(...rest))];
    },
    conditions: ({ u }) => [
      { name: 'initial', at: { t: 0 }, residual: u.minus(given(solution)), weight: 10 },
      ...(startsAtRest ? [{ name: 'initial-slope', at: { t: 0 }, residual: u.dt, weight: 10 }] : []),
      ...axes.map(axis => ({ name: `${axis}-faces`, at: { [axis]: [-1, 1] }, residual: u, weight: 10 })),
    ],
    exact: { u: solution },
  });
}

/** u_t = Laplace u / (pi^2 dimensions), a sine that decays. */
export const heatIn = (dimensions: number): Problem =>
  inSpace(
    'heat',
    dimensions,
    t => exp(-t),
    (u, laplace) => u.dt.minus(laplace.over(PI ** 2 * dimensions)),
    false,
  );

/** u_tt = Laplace u, a standing wave that starts at rest. */
export const waveIn = (dimensions: number): Problem =>
  inSpace(
    'wave',
    dimensions,
    t => cos(sqrt(dimensions) * PI * t),
    (u, laplace) => u.dtt.minus(laplace),
    true,
  );
