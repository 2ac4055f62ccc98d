/**
 * The NTK of a CP model of infinite width, c_model^2 = 1 / R (Luo and Meng): Theorem 2 where the rank grows too, and
 * Corollary 1, a random kernel, where it stays. Float64, on the host.
 */

import { InputError } from '../errors.js';
import { requireCount, requireOptions } from '../host/checks.js';
import { cholesky } from '../host/dense.js';
import { Random } from '../host/random.js';
import type { Architecture } from '../model/architecture.js';
import { mostAxes } from '../model/domain/domain.js';
import { type LayerScaling, type NetworkLimit, networkLimit, ntkScaling } from './networkLimit.js';

/** Networks and points of an NTK of infinite width. */
export interface LimitOptions {
  /** Its depth, activation and omegas: the width goes to infinity. */
  readonly network: Architecture;
  /** D, from 1 to 6. */
  readonly axes: number;
  /** X, (N, D), point by point. */
  readonly points: ArrayLike<number>;
  /** Of the networks, `ntkScaling` by default. */
  readonly scaling?: readonly LayerScaling[];
}

/** One axis at all pairs of points. */
interface Axis {
  readonly limit: NetworkLimit;
  /** Distinct coordinates, at which the kernels are. */
  readonly count: number;
  /** Where in a kernel each pair of points stands. */
  readonly pairs: Uint32Array;
}

function axesOf(options: LimitOptions): readonly Axis[] {
  requireOptions('limitNtk', options, { network: true, axes: true, points: true, scaling: true });
  const { network, axes, points, scaling = ntkScaling(network) } = options;
  requireCount('axes', axes, 1, mostAxes);
  if (points.length === 0 || points.length % axes !== 0) {
    throw new InputError(`points: ${points.length} numbers are no points of ${axes} coordinates`);
  }
  const n = points.length / axes;
  return Array.from({ length: axes }, (_, axis) => {
    const own = Array.from({ length: n }, (__, i) => points[i * axes + axis]);
    const distinct = [...new Set(own)].sort((a, b) => a - b);
    const places = own.map(x => distinct.indexOf(x));
    const count = distinct.length;
    const pairs = Uint32Array.from({ length: n * n }, (__, at) => places[Math.floor(at / n)] * count + places[at % n]);
    return { limit: networkLimit(network, scaling, distinct), count, pairs };
  });
}

/** Adds share * sum_d k_d(x_d, x'_d) prod_{d' != d} others_d'(x_d', x'_d') at all pairs of points. */
function addOverAxes(
  result: Float64Array,
  axes: readonly Axis[],
  others: readonly Float64Array[],
  share: number,
): void {
  axes.forEach(({ limit, pairs }, d) => {
    const rest = axes.map((_, other) => other).filter(other => other !== d);
    for (let at = 0; at < result.length; at++) {
      let product = share * limit.ntk[pairs[at]];
      for (const other of rest) product *= others[other][axes[other].pairs[at]];
      result[at] += product;
    }
  });
}

/**
 * The NTK of a CP model in the limit (Luo and Meng, Theorem 2): K(x, x') = sum_d k_d(x_d, x'_d) prod_{d' != d}
 * c_d'(x_d', x'_d') as the width, then the rank grow, c_d and k_d being those of `networkLimit`.
 *
 * @returns (N, N), row-major.
 * @throws InputError points that are no whole number of points.
 */
export function limitNtk(options: LimitOptions): Float64Array {
  const axes = axesOf(options);
  const result = new Float64Array(axes[0].pairs.length);
  addOverAxes(
    result,
    axes,
    axes.map(({ limit }) => limit.covariance),
    1,
  );
  return result;
}

/**
 * The NTK of a CP model of a finite rank in the limit (Luo and Meng, Corollary 1): K(x, x') = 1/R sum_r sum_d
 * k_d(x_d, x'_d) prod_{d' != d} g_d',r(x_d') g_d',r(x'_d') as the width grows and the rank R stays, g_d,r independent
 * Gaussian processes of covariance c_d, drawn anew for every seed.
 *
 * @returns for a rank, from 1 to 65536, and a seed, (N, N), row-major.
 * @throws InputError points that are no whole number of points, or a rank or a seed that is none.
 */
export function randomLimitNtk(options: LimitOptions): (rank: number, seed: number) => Float64Array {
  const axes = axesOf(options);
  const roots = axes.map(({ limit, count }) => cholesky(limit.covariance, count, jitter));
  return (rank, seed) => {
    requireCount('rank', rank, 1, 65_536);
    const random = new Random(seed);
    const result = new Float64Array(axes[0].pairs.length);
    for (let r = 0; r < rank; r++) {
      const squares = roots.map((root, d) => outerSquare(sample(root, axes[d].count, random)));
      addOverAxes(result, axes, squares, 1 / rank);
    }
    return result;
  };
}

/** The jitter on the diagonal, of its mean: smooth covariances are singular to rounding. */
const jitter = 1e-10;

/** L times standard normal numbers. */
function sample(root: Float64Array, n: number, random: Random): Float64Array {
  const normal = Float64Array.from({ length: n }, () => random.normal());
  return Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let j = 0; j <= i; j++) sum += root[i * n + j] * normal[j];
    return sum;
  });
}

function outerSquare(x: Float64Array): Float64Array {
  return Float64Array.from({ length: x.length ** 2 }, (_, at) => x[Math.floor(at / x.length)] * x[at % x.length]);
}
