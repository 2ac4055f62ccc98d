import { type Expression, given, type Point } from '../expression.js';
import { defineProblem, type Field, type Problem } from '../problem.js';

const viscosity = 0.05;
type Direction = 'x' | 'y' | 'z';
const directions = ['x', 'y', 'z'] as const;

/** The derivative of order k by its argument. */
const waves = {
  sin: (x: number, k: number) => Math.sin(x + (k * Math.PI) / 2),
  cos: (x: number, k: number) => Math.cos(x + (k * Math.PI) / 2),
};

/** amplitude e^(-9 nu t) of products of waves in 2x, 2y and z, and its derivatives: all are eigenfunctions of Laplace's operator, of -9. */
function product(amplitude: number, shape: Readonly<Record<Direction, keyof typeof waves>>) {
  const rates = { x: 2, y: 2, z: 1 };
  return (point: Point, by = ''): number =>
    directions.reduce(
      (value, axis) => {
        const order = [...by].filter(letter => letter === axis).length;
        return value * rates[axis] ** order * waves[shape[axis]](rates[axis] * point[axis], order);
      },
      amplitude * Math.exp(-9 * viscosity * point.t),
    );
}

const velocity = {
  x: product(2, { x: 'cos', y: 'sin', z: 'sin' }),
  y: product(-1, { x: 'sin', y: 'cos', z: 'sin' }),
  z: product(-2, { x: 'sin', y: 'sin', z: 'cos' }),
};
const vorticity = {
  x: product(-3, { x: 'sin', y: 'cos', z: 'cos' }),
  y: product(6, { x: 'cos', y: 'sin', z: 'cos' }),
  z: product(-6, { x: 'cos', y: 'cos', z: 'sin' }),
};

/** What keeps that solution going: (u . grad) omega - (omega . grad) u, since its omega_t is nu Laplace omega. */
const forcing = (along: Direction) =>
  given(point =>
    directions.reduce(
      (sum, axis) =>
        sum +
        velocity[axis](point) * vorticity[along](point, axis) -
        vorticity[axis](point) * velocity[along](point, axis),
      0,
    ),
  );

/**
 * Flow in a cube by its vorticity, omega_t + (u . grad) omega = (omega . grad) u + nu Laplace omega + F, with three velocity
 * fields and div u = 0 (Cho et al. 2023, section 4.2).
 */
export const navierStokes3 = (): Problem =>
  defineProblem({
    name: 'navier-stokes-3d',
    axes: { t: [0, 5], x: [0, 2 * Math.PI], y: [0, 2 * Math.PI], z: [0, 2 * Math.PI] },
    fields: ['u', 'v', 'w'],
    equations: ({ u, v, w }) => {
      const fields = { x: u, y: v, z: w };
      const at = (field: Field, by: string): Expression => field[`d${by}`];
      /** A component of the vorticity, differentiated. */
      const omega = {
        x: (by = '') => at(w, `y${by}`).minus(at(v, `z${by}`)),
        y: (by = '') => at(u, `z${by}`).minus(at(w, `x${by}`)),
        z: (by = '') => at(v, `x${by}`).minus(at(u, `y${by}`)),
      };
      const equation = (along: Direction) => {
        const own = omega[along];
        const carried = directions.map(axis => fields[axis].times(own(axis)));
        const stretched = directions.map(axis => omega[axis]().times(at(fields[along], axis)));
        const spread = directions.map(axis => own(`${axis}${axis}`).times(viscosity));
        return own('t')
          .plus(...carried)
          .minus(...stretched, ...spread, forcing(along));
      };
      return [...directions.map(equation), { name: 'divergence', residual: u.dx.plus(v.dy, w.dz), weight: 100 }];
    },
    conditions: ({ u, v, w }) => {
      const fields = { x: u, y: v, z: w };
      const components = directions.map(axis => ({
        axis,
        residual: fields[axis].minus(given(point => velocity[axis](point))),
      }));
      return [
        ...components.map(({ axis, residual }) => ({ name: `initial-${axis}`, at: { t: 0 }, residual, weight: 10 })),
        ...directions.flatMap(face =>
          components.map(({ axis, residual }) => ({
            name: `${face}-faces-${axis}`,
            at: { [face]: [0, 2 * Math.PI] },
            residual,
            weight: 2,
          })),
        ),
      ];
    },
    exact: { u: point => velocity.x(point), v: point => velocity.y(point), w: point => velocity.z(point) },
  });
