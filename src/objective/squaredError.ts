/** Half the squared error, L = 1/2 sum (Z - Y)^2. */

import * as texts from '../wgsl/loss.js';
import { type Objective, pointwise } from './objective.js';

/**
 * L = 1/2 sum (Z - Y)^2 over all points that are trained on, members and outputs: a sum, and no mean. The mean
 * square of n numbers is 2 L / n.
 */
export function squaredError(): Objective {
  return { ...pointwise(texts.squaredError), name: 'squared-error' };
}
