/**
 * Nonlinear diffusion by finite differences: 0.05 (|grad u|^2 + u Laplace u) = 0.025 Laplace u^2, so that u^2 is
 * differenced by the five-point formula, and time goes by Heun's method; both of second order.
 */

import { evenPoints } from '../grid.js';
import type { Reference } from '../problem.js';

export interface DiffusionOptions {
  readonly start: (x: number, y: number) => number;
  /** Of each of x and y, from -1 to 1. */
  readonly cells: number;
  /** Equal times from 0 to 1 that are kept, with both. */
  readonly times: number;
}

const rate = 0.025;

/** u at all times kept, on every second point of x and y where there are more than 100 cells. */
export function diffusionReference({ start, cells, times }: DiffusionOptions): Reference {
  const n = cells + 1;
  const points = evenPoints([-1, 1], n);
  let u = new Float64Array(n * n);
  for (let i = 1; i < cells; i++) {
    for (let j = 1; j < cells; j++) u[i * n + j] = start(points[i], points[j]);
  }
  // The diffusivity is 2 rate u, and u is greatest at the start.
  const spacing = 2 / cells;
  const stable = spacing ** 2 / (4 * 2 * rate * u.reduce((a, b) => Math.max(a, b), 0));
  const perTime = Math.ceil(1 / (times - 1) / (0.8 * stable));
  const dt = 1 / (times - 1) / perTime;
  const every = cells > 100 ? 2 : 1;
  const kept = Array.from({ length: Math.floor(cells / every) + 1 }, (_, i) => i * every);
  const values: number[] = [];
  const keep = () => {
    for (const i of kept) for (const j of kept) values.push(u[i * n + j]);
  };
  keep();
  let [first, second, middle] = [new Float64Array(n * n), new Float64Array(n * n), new Float64Array(n * n)];
  for (let time = 1; time < times; time++) {
    for (let step = 0; step < perTime; step++) {
      slope(u, n, spacing, first);
      for (let i = 0; i < u.length; i++) middle[i] = u[i] + dt * first[i];
      slope(middle, n, spacing, second);
      for (let i = 0; i < u.length; i++) middle[i] = u[i] + (dt / 2) * (first[i] + second[i]);
      [u, middle] = [middle, u];
    }
    keep();
  }
  return {
    axes: { t: evenPoints([0, 1], times), x: kept.map(i => points[i]), y: kept.map(i => points[i]) },
    values: { u: Float64Array.from(values) },
  };
}

/** rate Laplace u^2 inside; faces stay as they are. */
function slope(u: Float64Array, n: number, spacing: number, result: Float64Array): void {
  for (let i = 1; i < n - 1; i++) {
    for (let at = i * n + 1; at < i * n + n - 1; at++) {
      const around = u[at - 1] ** 2 + u[at + 1] ** 2 + u[at - n] ** 2 + u[at + n] ** 2;
      result[at] = (rate * (around - 4 * u[at] ** 2)) / spacing ** 2;
    }
  }
}
