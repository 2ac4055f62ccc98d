/** The Tucker contraction: Z = scale core x_1 F_1 x_2 .. x_D F_D, the core a parameter beside those of the networks. */

import { padded, sizeOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { requireOptions } from '../../host/checks.js';
import type { Random } from '../../host/random.js';
import { contractTucker } from '../../ops/contraction/contractTucker.js';
import { type Contraction, onePerAxis } from './contraction.js';
import { ranksOf, requireRanks } from './ranks.js';
import { requireScale } from './scale.js';

/** Ranks and scale of a Tucker model. */
export interface TuckerOptions {
  /**
   * R_1 .. R_D, or one number for all, from 1 to 65536 each; their product, the numbers of the core, is 2^30 at the
   * most.
   */
  readonly ranks: number | readonly number[];
  /** c, not 0, 1 by default. */
  readonly scale?: number;
}

/** Numbers of a core: 4 GiB of them fit no device. */
const mostInCore = 1 << 30;

/**
 * The Tucker model, Z = scale core x_1 F_1 .. x_D F_D, whose core (R_1 .. R_D) is trained too.
 *
 * @throws InputError naming what is out of range, its value and what would do.
 */
export function tucker(options: TuckerOptions): Contraction {
  requireOptions('tucker', options, { ranks: true, scale: true });
  const { ranks: given, scale = 1 } = options;
  requireRanks(given);
  requireScale(scale);
  const ranksIn = (axes: number) => ranksOf('a Tucker model', given, axes, axes);
  return {
    name: 'tucker',
    settings: { ranks: given, scale },
    networks: axes => onePerAxis(requireCore(ranksIn(axes))),
    parameters: {
      shapes: axes => ({ core: ranksIn(axes) }),
      initial: (axes, random) => initialCore(ranksIn(axes), random),
    },
    onGrid: {
      output: (factors, core, { axes }) => {
        if (!core) throw new InputError(`tucker: a core of ${axes} axes is missing`);
        return contractTucker(factors, core, { scale });
      },
      slabs: true,
      between: ({ axes, shape }) => {
        const ranks = ranksIn(axes);
        const last = padded(shape.at(-1) ?? 1);
        return Math.max(...shape.map((_, d) => sizeOf(ranks.slice(0, d)) * sizeOf(shape.slice(d, -1)) * last));
      },
    },
  };
}

/** @throws InputError a core that is too large. */
function requireCore(ranks: readonly number[]): readonly number[] {
  if (sizeOf(ranks) <= mostInCore) return ranks;
  throw new InputError(
    `ranks: ${ranks.join(', ')} make a core of ${sizeOf(ranks)} numbers, and at most ${mostInCore} are possible: use smaller ones`,
  );
}

/**
 * A core, row-major: independent U(-b, b) with b^2 = 3 min(R_d) / prod(R_d).
 *
 * A CP model of rank R is the Tucker model whose core has R ones on its superdiagonal and zeros elsewhere, and
 * min(R_d) is the largest R for which there is room. The factors being independent of the core, with mean 0 and
 * variance v_d, the output's variance is sum_r E core_r^2 prod_d v_d: for that CP model min(R_d) prod_d v_d, and for
 * prod(R_d) entries of variance b^2 / 3 = min(R_d) / prod(R_d) the same.
 */
function initialCore(ranks: readonly number[], random: Random): Float32Array {
  const bound = Math.sqrt((3 * Math.min(...ranks)) / sizeOf(ranks));
  return Float32Array.from({ length: sizeOf(ranks) }, () => random.uniform(-bound, bound));
}
