/** The tensor train: Z[i_1 .. i_D] = scale F_1[i_1] .. F_D[i_D], F_d[i] an R_{d-1} x R_d matrix, R_0 = R_D = 1. */

import { padded, sizeOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { requireOptions } from '../../host/checks.js';
import { contractTt } from '../../ops/contraction/contractTt.js';
import { type Contraction, mostOutputs, onePerAxis } from './contraction.js';
import { ranksOf, requireRanks } from './ranks.js';
import { requireScale } from './scale.js';

/** Ranks and scale of a tensor train. */
export interface TensorTrainOptions {
  /**
   * R_1 .. R_{D-1}, or one number for all, from 1; R_{d-1} R_d, numbers of a factor at a point, is 65536 at the most.
   */
  readonly ranks: number | readonly number[];
  /** c, not 0, 1 by default. */
  readonly scale?: number;
}

/**
 * The tensor train, Z[i_1 .. i_D] = scale F_1[i_1] .. F_D[i_D], F_d[i] an R_{d-1} x R_d matrix.
 *
 * @throws InputError naming what is out of range, its value and what would do.
 */
export function tensorTrain(options: TensorTrainOptions): Contraction {
  requireOptions('tensorTrain', options, { ranks: true, scale: true });
  const { ranks: given, scale = 1 } = options;
  requireRanks(given);
  requireScale(scale);
  const ranksIn = (axes: number) => ranksOf('a tensor train', given, axes - 1, axes);
  return {
    name: 'tensor-train',
    settings: { ranks: given, scale },
    networks: axes => onePerAxis(widthsOf(ranksIn(axes), axes)),
    onGrid: {
      output: (factors, _, { axes }) => contractTt(factors, { ranks: ranksIn(axes), scale }),
      slabs: true,
      between: ({ axes, shape }) =>
        Math.max(...ranksIn(axes).map((rank, d) => sizeOf(shape.slice(0, d + 1)) * padded(rank))),
    },
  };
}

/** R_{d-1} R_d for each axis. @throws InputError a factor that is too wide. */
function widthsOf(ranks: readonly number[], axes: number): readonly number[] {
  return Array.from({ length: axes }, (_, axis) => {
    const width = (ranks[axis - 1] ?? 1) * (ranks[axis] ?? 1);
    if (width <= mostOutputs) return width;
    throw new InputError(
      `ranks: ${ranks.join(', ')} give axis ${axis} a factor of ${width} columns, and at most ${mostOutputs} are possible: use smaller ones`,
    );
  });
}
