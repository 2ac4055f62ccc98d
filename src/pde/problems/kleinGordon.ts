import { given, type Point } from '../expression.js';
import { defineProblem } from '../problem.js';

const solution = ({ t, x, y }: Readonly<Record<'t' | 'x' | 'y', number>>) =>
  (x + y) * Math.cos(2 * t) + x * y * Math.sin(2 * t);
const exact = given(solution as (point: Point) => number);

/** u_tt - u_xx - u_yy + u^2 = f with a solution of rank 3 (Cho et al. 2023, section 4.2), which has u_tt = -4 u. */
export const kleinGordon = defineProblem({
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
