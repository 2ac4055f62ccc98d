/** Gradient descent, with momentum or without, as PyTorch's SGD has it. */

import { requireNumber, requireOptions } from '../host/checks.js';
import { sgdStep } from '../ops/optimiser/sgd.js';
import { type LearningRate, momentState, type Optimiser, requireLearningRate } from './optimiser.js';

/** Settings of gradient descent, as PyTorch's SGD has them. */
export interface SgdOptions {
  /** A number above 0, or a function of the step. */
  readonly learningRate: LearningRate;
  /** beta of m <- beta m + g, along which a step goes; from 0 and below 1, 0 by default. */
  readonly momentum?: number;
  /** L2: times the parameters, added to the gradient; from 0, 0 by default. */
  readonly weightDecay?: number;
}

/**
 * Gradient descent, with momentum or without, as PyTorch's SGD has it.
 *
 * @throws InputError an option that is unknown or out of range.
 */
export function sgd(options: SgdOptions): Optimiser {
  requireOptions('sgd', options, { learningRate: true, momentum: true, weightDecay: true });
  const { learningRate, momentum = 0, weightDecay = 0 } = options;
  requireLearningRate(learningRate);
  requireNumber('momentum', momentum, { from: 0, below: 1 });
  requireNumber('weightDecay', weightDecay, { from: 0 });
  return {
    name: 'sgd',
    learningRate,
    inFleets: true,
    start: (engine, scope, all, { sgd: stepOf = sgdStep } = {}) =>
      momentState(engine, scope, all, ['moment'], ({ parameters, gradient, learningRate: rate }, { moment }) =>
        stepOf(parameters, moment, gradient, rate, { momentum, weightDecay }),
      ),
  };
}
