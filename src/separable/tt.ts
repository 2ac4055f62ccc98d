/** Tensor-train models: Z[i_1 .. i_D] = scale F_1[i_1] .. F_D[i_D], F_d[i] an R_{d-1} x R_d matrix, R_0 = R_D = 1. */

import { InputError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import { contractTt } from '../ops/contractTt.js';
import { type GridModel, type GridOptions, gridModel, mostOutputs, requireRanks } from './grid.js';

/** A tensor-train model on a grid, for each channel by itself. Its factor networks' last layers carry the ranks. */
export interface TtModel extends GridModel {
  readonly kind: 'tt';
  /** R_1 .. R_{D-1}. */
  readonly ranks: readonly number[];
}

export interface TtOptions extends GridOptions {
  /** R_1 .. R_{D-1}, or one number for all. */
  readonly ranks: number | readonly number[];
}

/** @throws InputError naming what is out of range, its value and what would do. */
export function ttModel({ ranks: given, ...options }: TtOptions): TtModel {
  const { grid, channels, scale, network } = gridModel(options);
  const count = grid.length - 1;
  const ranks = typeof given === 'number' ? Array<number>(count).fill(given) : [...given];
  requireRanks('a tensor train', ranks, count, grid.length);
  const model: TtModel = { kind: 'tt', grid, channels, ranks, scale, network };
  ttOutputs(model).forEach((outputs, axis) => {
    if (outputs > mostOutputs) {
      throw new InputError(
        `ranks: ${ranks.join(', ')} give axis ${axis} a factor of ${outputs} columns, and at most ${mostOutputs} are possible: use smaller ones`,
      );
    }
  });
  return model;
}

/** Outputs of the factor network of each axis: R_{d-1} R_d. */
export function ttOutputs({ grid, ranks }: TtModel): readonly number[] {
  return grid.map((_, axis) => (ranks[axis - 1] ?? 1) * (ranks[axis] ?? 1));
}

export function ttOutput({ ranks, scale }: TtModel, factors: Value): Value {
  return contractTt(factors, { ranks, scale });
}
