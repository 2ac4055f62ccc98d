/** Learning rates as functions of the step, counted from 0, so that a run that is resumed goes on as it would have. */

import { requireCount, requireNumber } from '../host/checks.js';
import type { LearningRate } from './optimiser.js';

const mostSteps = 2 ** 32 - 1;

/** From `rate` down to 0 at `steps`, along half a wave of the cosine. @throws InputError a number out of range. */
export function cosineDecay(rate: number, steps: number): (step: number) => number {
  requireNumber('cosineDecay: rate', rate, { above: 0 });
  requireCount('cosineDecay: steps', steps, 1, mostSteps);
  return step => (rate / 2) * (1 + Math.cos((Math.PI * Math.min(step, steps)) / steps));
}

/** From `rate` down to 0 at `steps`, along a straight line. @throws InputError a number out of range. */
export function linearDecay(rate: number, steps: number): (step: number) => number {
  requireNumber('linearDecay: rate', rate, { above: 0 });
  requireCount('linearDecay: steps', steps, 1, mostSteps);
  return step => rate * (1 - Math.min(step, steps) / steps);
}

/** `rate`, `factor` times that after `every` steps, and so on. @throws InputError a number out of range. */
export function stepDecay(rate: number, every: number, factor = 0.1): (step: number) => number {
  requireNumber('stepDecay: rate', rate, { above: 0 });
  requireCount('stepDecay: every', every, 1, mostSteps);
  requireNumber('stepDecay: factor', factor, { above: 0, below: 1 });
  return step => rate * factor ** Math.floor(step / every);
}

/** `rate` times a factor that grows linearly to 1 over the first `steps`. @throws InputError a number out of range. */
export function warmUp(rate: LearningRate, steps: number): (step: number) => number {
  requireCount('warmUp: steps', steps, 1, mostSteps);
  return step => Math.min(1, (step + 1) / steps) * (typeof rate === 'number' ? rate : rate(step));
}
