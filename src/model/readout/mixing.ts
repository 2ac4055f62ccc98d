/**
 * Several outputs that share a model's networks: Z[i_1 .. i_D, o] = scale sum_r A[o, r] prod_d F_d[i_d, r], the mixing
 * matrix A, (outputs, R), trained beside the networks.
 */

import { InputError } from '../../errors.js';
import { requireCount, requireOptions } from '../../host/checks.js';
import type { Random } from '../../host/random.js';
import { mttkrpByTree } from '../../ops/contraction/dimensionTree.js';
import type { Readout } from './readout.js';

/** How many outputs share the networks. */
export interface MixingOptions {
  /** Numbers of a point, from 2 to 4096. Members are models fitted apart; outputs are those of one model. */
  readonly outputs: number;
}

/**
 * Several outputs of one CP model by a trained matrix A, (outputs, R): sum_r A[o, r] prod_d F_d[i_d, r].
 *
 * @throws InputError naming what is out of range, its value and what would do.
 */
export function mixing(options: MixingOptions): Readout {
  requireOptions('mixing', options, { outputs: true });
  const { outputs } = options;
  requireCount('outputs', outputs, 2, 4096);
  return {
    name: 'mixing',
    settings: { outputs },
    outputs,
    linear: true,
    parameters: {
      shapes: products => ({ mixing: [outputs, requireProducts(products)] }),
      initial: (products, random) => initialMixing(outputs, requireProducts(products), random),
    },
    output: (contracted, matrices) => {
      if (!matrices) throw new InputError('mixing: its matrix is missing');
      return contracted.mix(matrices, { gradient: mttkrpByTree });
    },
  };
}

function requireProducts(products: number | undefined): number {
  if (products !== undefined) return products;
  throw new InputError('mixing: takes a contraction that sums products at each point: use cp, or members');
}

/**
 * The mixing matrix of one member, row-major: independent U(-sqrt 3, sqrt 3). Its variance is 1, so that each output
 * starts with the variance of a model of its own, in whose place A would have ones.
 */
function initialMixing(outputs: number, rank: number, random: Random): Float32Array {
  const bound = Math.sqrt(3);
  return Float32Array.from({ length: outputs * rank }, () => random.uniform(-bound, bound));
}
