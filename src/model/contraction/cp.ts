/** The CP contraction: Z[i_1 .. i_D] = scale sum_r prod_d F_d[i_d, r]. */

import { requireCount, requireOptions } from '../../host/checks.js';
import { contractCp } from '../../ops/contraction/contractCp.js';
import { contractCpJvp } from '../../ops/contraction/contractCpJvp.js';
import { contractPoints } from '../../ops/contraction/contractPoints.js';
import { type Contraction, mostOutputs, onePerAxis, withMatrixAt } from './contraction.js';
import { requireScale } from './scale.js';

/** Rank and scale of a CP model. */
export interface CpOptions {
  /** R: products that are summed, and numbers of each factor at a point; from 1 to 65536. */
  readonly rank: number;
  /** c, not 0, 1 by default; 1 / sqrt(R) in the theory of the tangent kernel (Luo and Meng). */
  readonly scale?: number;
}

/**
 * The CP model, Z[i_1 .. i_D] = scale sum_r prod_d F_d[i_d, r], of R products of the axes' networks.
 *
 * @throws InputError naming what is out of range, its value and what would do.
 */
export function cp(options: CpOptions): Contraction {
  requireOptions('cp', options, { rank: true, scale: true });
  const { rank, scale = 1 } = options;
  requireCount('rank', rank, 1, mostOutputs);
  requireScale(scale);
  return {
    name: 'cp',
    settings: { rank, scale },
    products: rank,
    networks: axes => onePerAxis(Array<number>(axes).fill(rank)),
    onGrid: {
      output: (factors, _, { axes }) => contractCp(factors, { axes, scale }),
      // The mixing matrix is one more factor matrix, that of an axis whose points are the outputs.
      mix: (factors, matrices, { axes }, outputAxis, how) =>
        contractCp(withMatrixAt(outputAxis, factors, matrices), { axes: axes + 1, scale, ...how }),
      jvp: (tangents, factors, { axes }) => contractCpJvp(tangents, factors, { axes, scale }),
      slabs: true,
      between: () => 0,
    },
    onPoints: {
      output: (factors, _, { axes }) => contractPoints(factors, { axes, scale }),
      slabs: false,
      between: () => 0,
    },
  };
}
