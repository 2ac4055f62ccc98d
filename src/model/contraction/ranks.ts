/** The ranks of contractions that have several. */

import { InputError } from '../../errors.js';
import { requireCount, shown } from '../../host/checks.js';
import { mostOutputs } from './contraction.js';

/** One number for all, or a list. @throws InputError something else, or a rank out of range. */
export function requireRanks(ranks: number | readonly number[]): void {
  if (typeof ranks !== 'number' && !Array.isArray(ranks)) {
    throw new InputError(`ranks: ${shown(ranks)}: give a number, or a list of numbers`);
  }
  for (const rank of [ranks].flat()) requireCount('ranks', rank as number, 1, mostOutputs);
}

/** As many ranks as there must be. @throws InputError another number of them. */
export function ranksOf(
  what: string,
  ranks: number | readonly number[],
  count: number,
  axes: number,
): readonly number[] {
  if (typeof ranks === 'number') return Array<number>(count).fill(ranks);
  if (ranks.length === count) return ranks;
  throw new InputError(`ranks: ${ranks.length} for ${what} of ${axes} axes: give ${count}`);
}
