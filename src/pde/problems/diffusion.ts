import { given } from '../expression.js';
import { defineProblem, type Problem } from '../problem.js';
import { diffusionReference } from './diffusionReference.js';

/** Three bumps (Cho et al. 2023, section 4.2). */
function bumps(x: number, y: number): number {
  return (
    0.25 * Math.exp(-((x - 0.3) ** 2 + (y - 0.2) ** 2) / 0.1) +
    0.4 * Math.exp(-15 * ((x + 0.5) ** 2 + (y + 0.1) ** 2)) +
    0.3 * Math.exp(-20 * (x ** 2 + (y + 0.5) ** 2))
  );
}

/** Nonlinear diffusion, u_t = 0.05 (|grad u|^2 + u Laplace u), with u = 0 on the faces. */
export const diffusion = (): Problem =>
  defineProblem({
    name: 'diffusion',
    axes: { t: [0, 1], x: [-1, 1], y: [-1, 1] },
    fields: ['u'],
    equations: ({ u }) => [
      u.dt.minus(
        u.dx
          .power(2)
          .plus(u.dy.power(2), u.times(u.dxx.plus(u.dyy)))
          .times(0.05),
      ),
    ],
    conditions: ({ u }) => [
      { name: 'initial', at: { t: 0 }, residual: u.minus(given(({ x, y }) => bumps(x, y))) },
      { name: 'x-faces', at: { x: [-1, 1] }, residual: u, weight: 2 },
      { name: 'y-faces', at: { y: [-1, 1] }, residual: u, weight: 2 },
    ],
    reference: () => diffusionReference({ start: bumps, cells: 200, times: 20 }),
  });
