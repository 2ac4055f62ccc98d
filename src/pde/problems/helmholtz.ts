import { given } from '../expression.js';
import { defineProblem, type Problem } from '../problem.js';

const rates = { x: 4 * Math.PI, y: 4 * Math.PI, z: 3 * Math.PI };
const solution = ({ x, y, z }: Readonly<Record<'x' | 'y' | 'z', number>>) =>
  Math.sin(rates.x * x) * Math.sin(rates.y * y) * Math.sin(rates.z * z);
const eigenvalue = 1 - rates.x ** 2 - rates.y ** 2 - rates.z ** 2;

/** Laplace u + u = q on a cube, 0 on its faces; the solution is of rank 1 (Cho et al. 2023, section 4.2). */
export const helmholtz = (): Problem =>
  defineProblem({
    name: 'helmholtz',
    axes: { x: [-1, 1], y: [-1, 1], z: [-1, 1] },
    fields: ['u'],
    equations: ({ u }) => {
      const source = given(({ x, y, z }) => eigenvalue * solution({ x, y, z }));
      return [u.dxx.plus(u.dyy, u.dzz, u).minus(source)];
    },
    conditions: ({ u }) =>
      (['x', 'y', 'z'] as const).map(axis => ({
        name: `${axis}-faces`,
        at: { [axis]: [-1, 1] },
        residual: u,
        weight: 200, // 100 for the mean of each of the two
      })),
    exact: { u: solution },
  });
