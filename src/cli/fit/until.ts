/** What ends a run of `sepnn fit` before its last step. */

import type { ImageMeasured } from '../../experiments/image/task.js';
import type { Until } from '../../train/runTraining.js';
import type { FitOptions } from './options.js';

/** Words for why. */
export const endings = {
  /** The validation found nothing better for long. */
  patience: 'patience',
  /** The PSNR that was asked for was measured. */
  quality: 'quality',
  /** The seconds were over. */
  seconds: 'seconds',
} as const;

/** @param seconds from when it is asked first; a step is made in any case. */
export function untilOf({ validate, patience, steps, quality }: FitOptions, seconds?: number): Until<ImageMeasured> {
  let start: { readonly step: number; readonly moment: number } | undefined;
  const longest = validate === undefined ? Number.POSITIVE_INFINITY : (patience ?? Math.ceil(steps / 4));
  return (step, measured, best) => {
    const moment = performance.now();
    start ??= { step, moment };
    if (quality !== undefined && measured && qualityOf(measured) >= quality) return endings.quality;
    // At reports alone: between two of them nobody has looked for a better one.
    if (measured && best && step - best.state.step >= longest) return endings.patience;
    const isOver = seconds !== undefined && step > start.step && moment - start.moment >= 1000 * seconds;
    return isOver ? endings.seconds : undefined;
  };
}

/** By points that are not trained on, where there are such. */
export function qualityOf({ psnr, psnrValidation = psnr }: ImageMeasured): number {
  return psnrValidation;
}
