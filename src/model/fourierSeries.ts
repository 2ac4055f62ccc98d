/** Frequencies of Fourier series, as an encoding of coordinates. */

import { requireCount, requireNumber, requireOptions } from '../host/checks.js';

export interface FourierSeriesOptions {
  /** m, the cosines and as many sines of each axis, beside the constant that the bias is. */
  readonly terms: number;
  /** Of the slowest, in units of the coordinates, which lie in [-1, 1]; 2.2 by default. */
  readonly period?: number;
}

/**
 * The `frequencies` k / period, k = 1 .. m, of an `architecture`: with a depth of 1 each column of a factor matrix is then a
 * Fourier series a_0 + sum_k a_k cos(2 pi k x / period) + b_k sin(2 pi k x / period), whose coefficients are trained. A
 * period of the interval's own length, 2, would tie the ends of a photograph to each other: 2.2 leaves them free.
 *
 * @throws InputError an option that is unknown, or a number out of range.
 */
export function fourierSeries(options: FourierSeriesOptions): number[] {
  requireOptions('fourierSeries', options, { terms: true, period: true });
  const { terms, period = 2.2 } = options;
  requireCount('fourierSeries: terms', terms, 1, 32_768);
  requireNumber('fourierSeries: period', period, { above: 0 });
  return Array.from({ length: terms }, (_, k) => (k + 1) / period);
}
