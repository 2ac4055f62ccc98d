/** CP models: Z[i_1 .. i_D] = scale sum_r prod_d f_d(x_d[i_d])_r. */

import { requireCount } from '../factor/network.js';
import type { Value } from '../graph/graph.js';
import { contractCp } from '../ops/contractCp.js';
import { contractPoints } from '../ops/contractPoints.js';
import { type GridModel, type GridOptions, gridModel, mostOutputs } from './grid.js';

/** A CP model on a grid, for each channel by itself. */
export interface CpModel extends GridModel {
  readonly kind: 'cp';
  /** R. */
  readonly rank: number;
  /** Whether the i-th inputs of all axes make one point, n points in all, in place of a grid: see `cpPointsModel`. */
  readonly scattered?: boolean;
}

export interface CpOptions extends GridOptions {
  readonly rank: number;
}

/** @throws InputError naming what is out of range, its value and what would do. */
export function cpModel({ rank, ...options }: CpOptions): CpModel {
  const { grid, channels, scale, network } = gridModel(options);
  requireCount('rank', rank, 1, mostOutputs);
  return { kind: 'cp', grid, channels, rank, scale, network };
}

/** Outputs of the factor network of each axis: R. */
export function cpOutputs({ grid, rank }: CpModel): readonly number[] {
  return grid.map(() => rank);
}

export function cpOutput({ grid, scale, scattered = false }: CpModel, factors: Value): Value {
  const contract = scattered ? contractPoints : contractCp;
  return contract(factors, { axes: grid.length, scale });
}
