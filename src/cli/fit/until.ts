/** What ends a run of `sepnn fit` before its last step. */

import type { ImageMeasured } from '../../experiments/image/task.js';
import type { Until } from '../../train/runTraining.js';
import type { FitOptions } from './options.js';

/** Of a run whose validation found nothing better for long. */
export const byPatience = 'patience';

export function untilOf({ patience }: FitOptions): Until<ImageMeasured> | undefined {
  if (patience === undefined) return undefined;
  return (step, _, best) => (best && step - best.state.step >= patience ? byPatience : undefined);
}
