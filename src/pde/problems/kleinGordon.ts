import { given, type Point } from '../expression.js';
import { defineProblem, type Problem } from '../problem.js';

const solution = ({ t, x, y }: Point) => (x + y) * Math.cos(2 * t) + x * y * Math.sin(2 * t);
const exact = given(solution);

/** u_tt - u_xx - u_yy + u^2 = f with a solution of rank 3 (Cho et al. 2023, section 4.2), which has u_tt = -4 u. */
export const kleinGordon = (): Problem =>
  defineProblem({
    name: 'klein-gordon',
    axes: { t: [0, 10], x: [-1, 1], y: [-1, 1] },
    fields: ['u'],
    equations: ({ u }) => [u.dtt.minus(u.dxx, u.dyy).plus(u.power(2)).minus(exact.power(2), exact.times(-4))],
    conditions: ({ u }) => [
      { name: 'initial', at: { t: 0 }, residual: u.minus(exact) },
      { name: 'x-faces', at: { x: [-1, 1] }, residual: u.minus(exact), weight: 2 },
      { name: 'y-faces', at: { y: [-1, 1] }, residual: u.minus(exact), weight: 2 },
    ],
    exact: { u: solution },
  });

const solution4 = ({ t, x, y, z }: Point) => (x + y + z) * Math.cos(2 * t) + x * y * z * Math.sin(2 * t);
const exact4 = given(solution4);

/** The same in three dimensions of space. */
export const kleinGordon4 = (): Problem =>
  defineProblem({
    name: 'klein-gordon-4d',
    axes: { t: [0, 10], x: [-1, 1], y: [-1, 1], z: [-1, 1] },
    fields: ['u'],
    equations: ({ u }) => [u.dtt.minus(u.dxx, u.dyy, u.dzz).plus(u.power(2)).minus(exact4.power(2), exact4.times(-4))],
    conditions: ({ u }) => [
      { name: 'initial', at: { t: 0 }, residual: u.minus(exact4) },
      ...(['x', 'y', 'z'] as const).map(axis => ({
        name: `${axis}-faces`,
        at: { [axis]: [-1, 1] },
        residual: u.minus(exact4),
        weight: 2,
      })),
    ],
    exact: { u: solution4 },
  });
