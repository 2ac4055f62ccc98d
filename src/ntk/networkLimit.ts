/**
 * A factor network of infinite width: its output is a Gaussian process of covariance c (Lee et al. 2018), its tangent
 * kernel k no longer random and no longer changed by training (Jacot, Gabriel and Hongler 2018). Both follow layer by
 * layer, from z = m (W h + b) and h' = a(omega z), with a factor m and independent entries of mean 0:
 *
 *   q = weightVariance C + biasVariance,  k <- weightRate C + biasRate + weightVariance k E[omega^2 a' a'],  C <- E[a a]
 *
 * where C = <h, h'> / inputs, (weightVariance, biasVariance) are (inputs m^2 Var W, m^2 Var b), and (weightRate,
 * biasRate) are (inputs m^2, m^2), what the layer's own weights and biases give to k. c is q and k the kernel of the last
 * layer. Float64, on the host: the matrices are small.
 */

import { type Architecture, inputsOf, weightBound } from '../model/architecture.js';
import { dualActivation, wideActivation } from './dualActivation.js';

/** What one layer z = m (W h + b) does to covariance and kernel in the limit, of so many inputs. */
export interface LayerScaling {
  /** inputs m^2 Var W. */
  readonly weightVariance: number;
  /** m^2 Var b. */
  readonly biasVariance: number;
  /** inputs m^2: what its own weights give to the kernel. */
  readonly weightRate: number;
  /** m^2: what its own biases give to the kernel. */
  readonly biasRate: number;
}

/**
 * The NTK parameterisation: every entry of [W | b] is N(0, 1) and m = sigma / sqrt(inputs), so that a bias is the weight
 * of one more input, a constant one, and what it gives beside `inputs` others vanishes with their number. See
 * `ntkCp`, which realises it.
 */
export function ntkScaling(network: Architecture): readonly LayerScaling[] {
  return layerVariances(network).map((variance, layer) => {
    const bias = layer === 0 ? variance / inputsOf(network) : 0;
    return { weightVariance: variance, biasVariance: bias, weightRate: variance, biasRate: bias };
  });
}

/**
 * The standard parameterisation, m = 1, with the variances of `initialParameters`. Its kernel grows with the width W: k is
 * the limit of the kernel divided by W, in which the first layer's weights and all biases have no share. Entries are taken
 * to be normal; from the second layer on only their variance matters.
 */
export function standardScaling(network: Architecture): readonly LayerScaling[] {
  return Array.from({ length: network.depth }, (_, layer) => {
    const inputs = layer === 0 ? inputsOf(network) : 1; // after the first layer the width cancels: U(-b, b) sqrt(1 / W)
    return {
      weightVariance: (inputs * weightBound(network, layer, inputs) ** 2) / 3,
      biasVariance: layer === 0 ? 1 / (3 * inputs) : 0,
      weightRate: layer === 0 ? 0 : 1,
      biasRate: 0,
    };
  });
}

/** sigma^2 of each layer in the NTK parameterisation. @throws InputError an activation of which it is not known. */
export function layerVariances({ activation, depth }: Architecture): readonly number[] {
  const { layerVariance } = wideActivation(activation);
  return Array.from({ length: depth }, (_, layer) => (layer === depth - 1 ? 1 : layerVariance));
}

/** A factor network of infinite width at n points (Lee et al. 2018; Jacot, Gabriel and Hongler 2018). */
export interface NetworkLimit {
  /** c, (n, n), row-major: of its output, a Gaussian process. */
  readonly covariance: Float64Array;
  /** k, (n, n), row-major: its tangent kernel, the same for all initial parameters. */
  readonly ntk: Float64Array;
}

/**
 * c and k of one factor network at n points of its axis, in float64: layer by layer from `scaling`.
 *
 * @param scaling of each layer: `ntkScaling`, `standardScaling`.
 * @param points the n coordinates.
 */
export function networkLimit(
  network: Architecture,
  scaling: readonly LayerScaling[],
  points: ArrayLike<number>,
): NetworkLimit {
  const n = points.length;
  const inputs = Array.from(points, x => featuresOf(x, network.frequencies));
  const pairs = (f: (i: number, j: number) => number) =>
    Float64Array.from({ length: n * n }, (_, at) => f(Math.floor(at / n), at % n));
  let layerInput = pairs((i, j) => inputs[i].reduce((sum, x, u) => sum + x * inputs[j][u], 0) / inputs[i].length);
  let covariance = layerInput;
  let ntk: Float64Array = new Float64Array(n * n);
  scaling.forEach(({ weightVariance, biasVariance, weightRate, biasRate }, layer) => {
    if (layer > 0) {
      const square = network.omegas[layer - 1] ** 2;
      const duals = Array.from(covariance, (uv, at) => {
        const [i, j] = [Math.floor(at / n), at % n];
        if (j < i) return undefined; // symmetric
        const [uu, vv] = [covariance[i * n + i], covariance[j * n + j]];
        return dualActivation(network.activation, { uu: square * uu, vv: square * vv, uv: square * uv });
      });
      const dual = (i: number, j: number) =>
        duals[Math.min(i, j) * n + Math.max(i, j)] as { values: number; slopes: number };
      const below = ntk;
      layerInput = pairs((i, j) => dual(i, j).values);
      ntk = pairs((i, j) => weightVariance * square * dual(i, j).slopes * below[i * n + j]);
    }
    covariance = layerInput.map(c => weightVariance * c + biasVariance);
    ntk = ntk.map((k, at) => k + weightRate * layerInput[at] + biasRate);
  });
  return { covariance, ntk };
}

function featuresOf(x: number, frequencies: readonly number[]): readonly number[] {
  if (frequencies.length === 0) return [x];
  const phases = frequencies.map(b => 2 * Math.PI * b * x);
  return [...phases.map(Math.cos), ...phases.map(Math.sin)];
}
