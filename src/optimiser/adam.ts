/** Adam (Kingma and Ba 2015), and with decoupled decay AdamW (Loshchilov and Hutter 2019). */

import { requireFlag, requireNumber, requireOptions } from '../host/checks.js';
import { adamStep } from '../ops/optimiser/adam.js';
import { type LearningRate, momentState, type Optimiser, requireLearningRate } from './optimiser.js';

/** Settings of Adam (Kingma and Ba 2015, algorithm 1). */
export interface AdamOptions {
  /** A number above 0, or a function of the step: 1e-4 in the paper, `cosineDecay(1e-3, steps)`. */
  readonly learningRate: LearningRate;
  /** Decay of the first moment, above 0 and below 1; 0.9 by default. */
  readonly beta1?: number;
  /** Decay of the second moment, above 0 and below 1; 0.999 by default. */
  readonly beta2?: number;
  /** Added to the root of the second moment, from 0; 1e-8 by default. */
  readonly epsilon?: number;
  /** From 0, 0 by default; `decoupled` says what it acts on. */
  readonly weightDecay?: number;
  /**
   * Whether the decay shrinks the parameters by itself (AdamW) instead of entering the gradient (L2); false by default.
   */
  readonly decoupled?: boolean;
}

const known = {
  learningRate: true,
  beta1: true,
  beta2: true,
  epsilon: true,
  weightDecay: true,
  decoupled: true,
} as const;

/**
 * Adam (Kingma and Ba 2015), and with `decoupled` decay AdamW (Loshchilov and Hutter 2019).
 *
 * @throws InputError an option that is unknown or out of range.
 */
export function adam(options: AdamOptions): Optimiser {
  requireOptions('adam', options, known);
  const { learningRate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, decoupled = false } = options;
  requireLearningRate(learningRate);
  for (const [name, beta] of Object.entries({ beta1, beta2 })) requireNumber(name, beta, { above: 0, below: 1 });
  requireNumber('epsilon', epsilon, { from: 0 });
  requireNumber('weightDecay', weightDecay, { from: 0 });
  requireFlag('decoupled', decoupled);
  const attributes = { beta1, beta2, epsilon, weightDecay, decoupled };
  return {
    name: 'adam',
    learningRate,
    inFleets: true,
    start: (engine, scope, all, { adam: stepOf = adamStep } = {}) =>
      momentState(
        engine,
        scope,
        all,
        ['firstMoment', 'secondMoment'],
        ({ parameters, gradient, step, learningRate: rate }, moments) =>
          stepOf({ parameters, ...moments }, gradient, step, rate, attributes),
      ),
  };
}
