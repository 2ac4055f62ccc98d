import { given, type Point } from '../expression.js';
import { defineProblem, type Problem } from '../problem.js';

/** v / (0.385 r), the rate at which the flow turns: 0.385 is about the greatest v = sech^2 r tanh r. */
function turning(r: number): number {
  const v = Math.tanh(r) / Math.cosh(r) ** 2;
  return (r === 0 ? 1 : v / r) / 0.385;
}

const solution = ({ t, x, y }: Readonly<Record<'t' | 'x' | 'y', number>>) => {
  const angle = turning(Math.hypot(x, y)) * t;
  return -Math.tanh((y / 2) * Math.cos(angle) - (x / 2) * Math.sin(angle));
};
const exact = given(solution as (point: Point) => number);

/** Two fluids that a vortex mixes: u_t + a u_x + b u_y = 0 with (a, b) the velocity (Tamamidis and Assanis 1993). */
export const flowMixing = (): Problem =>
  defineProblem({
    name: 'flow-mixing',
    axes: { t: [0, 4], x: [-4, 4], y: [-4, 4] },
    fields: ['u'],
    equations: ({ u }) => {
      const a = given(({ x, y }) => -y * turning(Math.hypot(x, y)));
      const b = given(({ x, y }) => x * turning(Math.hypot(x, y)));
      return [u.dt.plus(a.times(u.dx), b.times(u.dy))];
    },
    conditions: ({ u }) => [
      { name: 'initial', at: { t: 0 }, residual: u.minus(exact) },
      { name: 'x-faces', at: { x: [-4, 4] }, residual: u.minus(exact), weight: 2 },
      { name: 'y-faces', at: { y: [-4, 4] }, residual: u.minus(exact), weight: 2 },
    ],
    exact: { u: solution },
  });
