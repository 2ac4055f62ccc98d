/** Binary cross-entropy of logits, L = sum max(Z, 0) - Z Y + log(1 + exp(-|Z|)), of targets Y from 0 to 1. */

import * as texts from '../wgsl/loss.js';
import { type Objective, pointwise } from './objective.js';

/**
 * L = sum max(Z, 0) - Z Y + log(1 + exp(-|Z|)), a sum and no mean, of targets Y from 0 to 1; 1 / (1 + exp(-Z)) is the
 * probability that an output Z stands for.
 */
export function bceWithLogits(): Objective {
  return { ...pointwise(texts.bceWithLogits), name: 'bce-with-logits' };
}
