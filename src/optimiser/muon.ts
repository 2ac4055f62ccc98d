/** Muon (Jordan 2024) on the matrices of all networks, and on the hidden one of a decoder; Adam, or gradient descent, on what is no such matrix. */

import { requireNumber, requireOptions } from '../host/checks.js';
import type { Parameter } from '../model/parameters.js';
import { momentShapes, muonDirections } from '../ops/optimiser/muon.js';
import { besideRest, isHiddenMatrix, type OfRest } from './besideRest.js';
import { type LearningRate, type Optimiser, requireLearningRate } from './optimiser.js';
import { minimaxPolynomials, type Polynomial, requirePolynomials } from './polynomials.js';

/** Settings of Muon (Jordan 2024), and of the optimiser beside it. */
export interface MuonOptions extends OfRest {
  /** Of the matrices: a number above 0, or a function of the step. */
  readonly learningRate: LearningRate;
  /** Of Nesterov's kind, from 0 and below 1; 0.95 by default. */
  readonly momentum?: number;
  /** Of the matrices, decoupled; from 0, 0 by default. */
  readonly weightDecay?: number;
  /**
   * Of the Newton-Schulz steps that make a direction orthogonal: `minimaxPolynomials()`, three, by default; those of Muon as
   * published are `jordanPolynomials()`, five.
   */
  readonly polynomials?: readonly Polynomial[];
  /** Whether the W of a [W | b] is one of Muon's: `isHiddenMatrix` by default. */
  readonly matrices?: (parameter: Parameter) => boolean;
}

const known = {
  learningRate: true,
  momentum: true,
  weightDecay: true,
  polynomials: true,
  rest: true,
  restRate: true,
  matrices: true,
} as const;

/**
 * Muon (Jordan 2024) on the matrices of the networks and the hidden one of a decoder, Adam on all else.
 *
 * @throws InputError an option that is unknown or out of range.
 */
export function muon(options: MuonOptions): Optimiser {
  requireOptions('muon', options, known);
  const { learningRate, momentum = 0.95, weightDecay = 0 } = options;
  const { polynomials = minimaxPolynomials(), matrices: isMatrix = isHiddenMatrix } = options;
  requireLearningRate(learningRate);
  requireNumber('momentum', momentum, { from: 0, below: 1 });
  requireNumber('weightDecay', weightDecay, { from: 0 });
  requirePolynomials(polynomials);
  return besideRest(
    { name: 'muon', learningRate },
    { ...options, momentum },
    {
      kept: { moment: momentShapes },
      isMatrix,
      along: { weightDecay },
      directions: ({ gradient }, matrices, { moment }) =>
        muonDirections(gradient, moment, { matrices, momentum, polynomials }),
    },
  );
}
