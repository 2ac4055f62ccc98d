/** Half the squared error, L = 1/2 sum (Z - Y)^2. */

import * as texts from '../wgsl/loss.js';
import { type Objective, pointwise } from './objective.js';

export function squaredError(): Objective {
  return { ...pointwise(texts.squaredError), name: 'squared-error' };
}
