/**
 * Models in the NTK parameterisation, in which their kernel has a limit: z = omega sigma_l / sqrt(inputs) [W | b] [h; 1]
 * with all entries of [W | b] N(0, 1) and trained at one rate, c = 1 / sqrt(R). The factors stand in the networks' omegas
 * and, for the output layers, in the contraction's scale, so that its parameters are those entries and any trainer serves.
 */

import { requireOptions } from '../host/checks.js';
import { Random } from '../host/random.js';
import { type Architecture, architecture, inputsOf } from '../model/architecture.js';
import { cp } from '../model/contraction/cp.js';
import { jointNetwork } from '../model/contraction/jointNetwork.js';
import type { Domain } from '../model/domain/domain.js';
import { defineModel, type Model, parameterCount } from '../model/model.js';
import { layerVariances } from './networkLimit.js';

/** Domain, rank and networks of a model in the NTK parameterisation. */
export interface NtkCpOptions {
  /** What the output lies on, such as `grid([64, 64])`. */
  readonly domain: Domain;
  /** R, from 1 to 65536; c = 1 / sqrt(R). */
  readonly rank: number;
  /** Whose omegas are those of a(omega z) beside the parameterisation's own factors. */
  readonly network: Architecture;
}

/**
 * A CP model in the NTK parameterisation, in which its kernel has a limit (Luo and Meng; `limitNtk`): z = omega sigma_l
 * / sqrt(inputs) [W | b] [h; 1], c = 1 / sqrt(R), its parameters `normalParameters`.
 *
 * @throws InputError naming what is out of range, its value and what would do.
 */
export function ntkCp(options: NtkCpOptions): Model {
  requireOptions('ntkCp', options, { domain: true, rank: true, network: true });
  const { domain, rank, network: given } = options;
  const { network, output } = scaled(given, 1);
  const scale = output ** domain.axes / Math.sqrt(rank);
  return defineModel({ domain, contraction: cp({ rank, scale }), network });
}

/**
 * One network of all coordinates in the NTK parameterisation, to compare `ntkCp` with.
 *
 * @throws InputError naming what is out of range, its value and what would do.
 */
export function ntkJoint(options: Omit<NtkCpOptions, 'rank'>): Model {
  requireOptions('ntkJoint', options, { domain: true, network: true });
  const { domain, network: given } = options;
  const { network, output } = scaled(given, domain.axes);
  return defineModel({ domain, contraction: jointNetwork({ scale: output }), network });
}

/** A network with sigma_l / sqrt(inputs) in its omegas, and that of its output layer. */
function scaled(given: Architecture, coordinates: number): { network: Architecture; output: number } {
  const { width, depth, activation, frequencies } = given;
  const factors = layerVariances(given).map((variance, layer) =>
    Math.sqrt(variance / (layer === 0 ? inputsOf(given, coordinates) : width)),
  );
  const omega = given.omegas.map((own, layer) => own * factors[layer]);
  return { network: architecture({ width, depth, activation, frequencies, omega }), output: factors[depth - 1] };
}

/**
 * Initial parameters of a model in the NTK parameterisation, which `ntkCp` makes: every one N(0, 1), in the order of
 * `modelParameterShapes`; the same for the same seed everywhere.
 *
 * @param seed from 0 to 2^32 - 1.
 */
export function normalParameters(model: Model, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: parameterCount(model) }, () => random.normal());
}
