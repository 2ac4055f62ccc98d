/** The preconditioner that the options of a training describe. */

import { InputError } from '../../errors.js';
import { iga, msk } from '../../precondition/iga.js';
import type { Preconditioner } from '../../precondition/preconditioner.js';
import { sepPgd } from '../../precondition/sepPgd.js';
import type { TopK } from '../../precondition/topK.js';
import type { PreconditionerName, TrainingOptions } from './options.js';

/** @param topK 'auto', or of all axes alike or each. */
export function preconditionerOf(
  shape: readonly number[],
  options: TrainingOptions,
  name: PreconditionerName,
  topK: TopK,
): Preconditioner | undefined {
  const { combine, modulation, refresh, seed } = options;
  const k = topK === 'auto' ? 1 : ([topK].flat()[0] as number);
  const makers: Readonly<Record<PreconditionerName, () => Preconditioner | undefined>> = {
    none: () => undefined,
    seppgd: () => sepPgd({ topK, combine, modulation, meanOfLogits: true, refresh }),
    msk: () => msk({ topK: k, modulation, refresh }),
    iga: () => iga({ topK: k, modulation, refresh, group: groupOf(shape, options), seed }),
  };
  return makers[name]();
}

const usualGroup = 4;

/** Points of a group of iga along each axis; one point for msk, which has none. @throws InputError a --group that does not fit. */
export function groupOf(
  shape: readonly number[],
  { preconditioner, group }: Pick<TrainingOptions, 'preconditioner' | 'group'>,
): readonly number[] {
  if (preconditioner !== 'iga') return shape.map(() => 1);
  if (group === undefined) return shape.map(points => Math.min(points, usualGroup));
  const block = typeof group === 'number' ? shape.map(() => group) : group;
  if (block.length !== shape.length) {
    throw new InputError(
      `--group ${group}: ${block.length} numbers for ${shape.length} axes: give one, or one per axis`,
    );
  }
  const axis = block.findIndex((points, d) => points > shape[d]);
  if (axis < 0) return block;
  throw new InputError(`--group ${group}: axis ${axis} has ${shape[axis]} points: use 1 to ${shape[axis]}`);
}
