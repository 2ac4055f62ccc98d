/**
 * Shampoo of one side (Gupta et al. 2018; An et al. 2025) on the hidden and last matrices of all networks; Adam, or
 * gradient descent, on what is no such matrix. The momentum is whitened by a matrix that serves some steps, which costs a third of Muon's products.
 */

import { requireCount, requireNumber, requireOptions } from '../host/checks.js';
import type { Parameter } from '../model/parameters.js';
import { matmul } from '../ops/linear/matmul.js';
import { momentShapes, rawDirections } from '../ops/optimiser/muon.js';
import { gramMean, gramShapes, inverseRoot, toUnit } from '../ops/optimiser/shampoo.js';
import { besideRest, isHiddenMatrix, type OfRest } from './besideRest.js';
import { type LearningRate, type Optimiser, requireLearningRate } from './optimiser.js';
import { minimaxPolynomials, type Polynomial, requirePolynomials } from './polynomials.js';

/** Settings of Shampoo of one side (Gupta et al. 2018; An et al. 2025), and of the optimiser beside it. */
export interface ShampooOptions extends OfRest {
  /** Of the matrices, whose steps are as long as those of Muon: a number above 0, or a function of the step. */
  readonly learningRate: LearningRate;
  /** Of Nesterov's kind, from 0 and below 1; 0.9 by default. */
  readonly momentum?: number;
  /** Of the running mean of G G^T, G^T G where G is tall: from 0 and below 1; 0.9 by default. */
  readonly decay?: number;
  /** Of the matrices, decoupled; from 0, 0 by default. */
  readonly weightDecay?: number;
  /** Of the Newton-Schulz steps that give the inverse root, `minimaxPolynomials()` by default. */
  readonly polynomials?: readonly Polynomial[];
  /** Steps from one inverse root to the next, 10 by default; with a preconditioner that is refreshed, at its refreshes. */
  readonly refresh?: number;
  /** Whether the W of a [W | b] is one of Shampoo's: `isHiddenMatrix` by default. */
  readonly matrices?: (parameter: Parameter) => boolean;
}

const known = {
  learningRate: true,
  momentum: true,
  decay: true,
  weightDecay: true,
  polynomials: true,
  refresh: true,
  rest: true,
  restRate: true,
  matrices: true,
} as const;

/**
 * Shampoo of one side (Gupta et al. 2018; An et al. 2025) on hidden and last matrices, Adam on what is no such matrix.
 *
 * @throws InputError an option that is unknown or out of range.
 */
export function shampoo(options: ShampooOptions): Optimiser {
  requireOptions('shampoo', options, known);
  const { learningRate, momentum = 0.9, decay = 0.9, weightDecay = 0, refresh = 10 } = options;
  const { polynomials = minimaxPolynomials(), matrices: isMatrix = isHiddenMatrix } = options;
  requireLearningRate(learningRate);
  for (const [name, share] of Object.entries({ momentum, decay })) requireNumber(name, share, { from: 0, below: 1 });
  requireNumber('weightDecay', weightDecay, { from: 0 });
  requirePolynomials(polynomials);
  requireCount('refresh', refresh, 1, 2 ** 32 - 1);
  return besideRest(
    { name: 'shampoo', learningRate, refresh },
    { ...options, momentum },
    {
      kept: { moment: momentShapes, gram: gramShapes, root: gramShapes },
      isMatrix,
      along: { weightDecay, unit: true },
      directions({ gradient, refreshing }, matrices, kept) {
        const gram = gramMean(kept.gram, gradient, matrices, decay);
        const root = refreshing ? inverseRoot(gram, polynomials) : kept.root;
        const { rest, moment, direction } = rawDirections(gradient, kept.moment, { matrices, momentum });
        return { direction: toUnit(matmul(root, direction)), rest, moment, gram, root };
      },
    },
  );
}
