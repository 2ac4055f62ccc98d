/** What --top-k amounts to on a grid. */

import { InputError } from '../../errors.js';
import { groupedShape } from '../../ops/precondition/groupPoints.js';
import { usualTopK } from '../options.js';
import type { TopKOption, TrainingOptions } from './options.js';
import { groupOf } from './preconditioner.js';

type Preconditioned = Pick<TrainingOptions, 'preconditioner' | 'group' | 'topK'>;

/** k of a preconditioner of the model as a whole. @throws InputError auto, or more than its kernel has points. */
function rivalTopK(shape: readonly number[], options: Preconditioned): number {
  const { preconditioner, topK } = options;
  if (topK === 'auto') {
    throw new InputError(`--top-k auto with --preconditioner ${preconditioner}: only seppgd chooses: give a number`);
  }
  const [, samples] = groupedShape({ grid: shape, block: groupOf(shape, options) });
  const k = topK ?? Math.max(1, Math.min(usualTopK, Math.floor(samples / 2)));
  if (k <= samples) return k;
  throw new InputError(`--top-k ${k}: the tangent kernel has ${samples} points: use 1 to ${samples}`);
}

/** --top-k, or `usual`: if a number, at most half of the shortest axis. @throws InputError a k that an axis does not have. */
export function topKOf(shape: readonly number[], options: Preconditioned, usual: TopKOption): TopKOption {
  if (options.preconditioner === 'msk' || options.preconditioner === 'iga') return rivalTopK(shape, options);
  const points = Math.min(...shape);
  const half = usual === 'auto' ? usual : Math.max(1, Math.min(usual, Math.floor(points / 2)));
  const { topK = half } = options;
  if (topK === 'auto' || topK <= points) return topK;
  const shortest = shape.length > 2 ? 'shortest' : 'shorter';
  throw new InputError(`--top-k ${topK}: the ${shortest} axis has ${points} points: use 1 to ${points}`);
}
