import { given } from '../expression.js';
import { defineProblem } from '../problem.js';

const { PI, sin, cos, exp } = Math;

/** Laplace u = f on a square, 0 on its edges. */
export const poisson = defineProblem({
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

/** u_t = u_xx / pi^2, a sine that decays. */
export const heat = defineProblem({
  name: 'heat',
  axes: { t: [0, 1], x: [-1, 1] },
  fields: ['u'],
  equations: ({ u }) => [u.dt.minus(u.dxx.over(PI ** 2))],
  conditions: ({ u }) => [
    { name: 'initial', at: { t: 0 }, residual: u.minus(given(({ x }) => sin(PI * x))), weight: 10 },
    { name: 'x-faces', at: { x: [-1, 1] }, residual: u, weight: 10 },
  ],
  exact: { u: ({ t, x }) => exp(-t) * sin(PI * x) },
});

/** u_tt = u_xx, a standing wave that starts at rest. */
export const wave = defineProblem({
  name: 'wave',
  axes: { t: [0, 1], x: [-1, 1] },
  fields: ['u'],
  equations: ({ u }) => [u.dtt.minus(u.dxx)],
  conditions: ({ u }) => [
    { name: 'initial', at: { t: 0 }, residual: u.minus(given(({ x }) => sin(PI * x))), weight: 10 },
    { name: 'initial-slope', at: { t: 0 }, residual: u.dt, weight: 10 },
    { name: 'x-faces', at: { x: [-1, 1] }, residual: u, weight: 10 },
  ],
  exact: { u: ({ t, x }) => cos(PI * t) * sin(PI * x) },
});
