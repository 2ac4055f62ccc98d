/** Tucker models: Z = scale core x_1 F_1 x_2 .. x_D F_D, the core a parameter beside those of the factor networks. */

import { type Shape, sizeOf } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import type { Random } from '../factor/random.js';
import type { Value } from '../graph/graph.js';
import { contractTucker } from '../ops/contractTucker.js';
import { type GridModel, type GridOptions, gridModel, requireRanks } from './grid.js';

/** A Tucker model on a grid, for each channel by itself, with a core of its own. */
export interface TuckerModel extends GridModel {
  readonly kind: 'tucker';
  /** R_1 .. R_D, the axes of the core. */
  readonly ranks: readonly number[];
}

export interface TuckerOptions extends GridOptions {
  /** R_1 .. R_D, or one number for all. */
  readonly ranks: number | readonly number[];
}

/** Numbers of a core: 4 GiB of them fit no device. */
const mostInCore = 1 << 30;

/** @throws InputError naming what is out of range, its value and what would do. */
export function tuckerModel({ ranks: given, ...options }: TuckerOptions): TuckerModel {
  const { grid, channels, scale, network } = gridModel(options);
  const ranks = typeof given === 'number' ? Array<number>(grid.length).fill(given) : [...given];
  requireRanks('a Tucker model', ranks, grid.length, grid.length);
  if (sizeOf(ranks) > mostInCore) {
    throw new InputError(
      `ranks: ${ranks.join(', ')} make a core of ${sizeOf(ranks)} numbers, and at most ${mostInCore} are possible: use smaller ones`,
    );
  }
  return { kind: 'tucker', grid, channels, ranks, scale, network };
}

/** Outputs of the factor network of each axis: R_d. */
export function tuckerOutputs({ ranks }: TuckerModel): readonly number[] {
  return ranks;
}

/** Axes of the core of each channel. */
export function coreShapes({ channels, ranks }: TuckerModel): readonly Shape[] {
  return Array.from({ length: channels }, () => ranks);
}

/**
 * The core of one channel, row-major: independent U(-b, b) with b^2 = 3 min(R_d) / prod(R_d).
 *
 * A CP model of rank R is the Tucker model whose core has R ones on its superdiagonal and zeros elsewhere, and
 * min(R_d) is the largest R for which there is room. The factors being independent of the core, with mean 0 and
 * variance v_d, the output's variance is sum_r E core_r^2 prod_d v_d: for that CP model min(R_d) prod_d v_d, and for
 * prod(R_d) entries of variance b^2 / 3 = min(R_d) / prod(R_d) the same.
 */
export function initialCore({ ranks }: TuckerModel, random: Random): Float32Array {
  const bound = Math.sqrt((3 * Math.min(...ranks)) / sizeOf(ranks));
  return Float32Array.from({ length: sizeOf(ranks) }, () => random.uniform(-bound, bound));
}

export function tuckerOutput({ scale }: TuckerModel, factors: Value, core: Value): Value {
  return contractTucker(factors, core, { scale });
}
