/** Coordinates of an axis. */

import { requireCount } from '../../host/checks.js';
import { mostPoints } from './domain.js';

/** n points from -1 to 1, ends included; a single point is 0. @throws InputError what is no number of points. */
export function linspace(n: number): Float64Array {
  requireCount('linspace', n, 1, mostPoints);
  return partOfLinspace(n, 0, n);
}

/** Its points `from` to `to`, the end left out. */
export function partOfLinspace(n: number, from: number, to: number): Float64Array {
  return Float64Array.from({ length: to - from }, (_, i) => (n === 1 ? 0 : (2 * (from + i)) / (n - 1) - 1));
}
