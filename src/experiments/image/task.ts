/** An image trained and judged: mean squared errors as PSNR, over the pixels trained on and those held out. */

import type { Model } from '../../model/model.js';
import type { Trainer } from '../../train/trainer.js';
import type { TrainingTask } from '../trainingRun.js';
import type { PreparedImage } from './data.js';

export interface ImageMeasured {
  readonly loss: number;
  /** Mean squared error and PSNR against the image itself, over the numbers trained on. */
  readonly mse: number;
  readonly psnr: number;
  readonly psnrHeldOut?: number;
}

export function imageTask(model: Model, data: PreparedImage): TrainingTask<ImageMeasured> {
  const { target, evaluations, trained, heldOut } = data;
  return {
    model,
    target,
    evaluations,
    headline: ({ psnr }) => `PSNR ${psnr.toFixed(2)} dB`,
    async measure(trainer: Trainer) {
      const { training, clean = training, heldOut: held } = await trainer.evaluate();
      const mse = (2 * clean) / trained;
      return {
        loss: training,
        mse,
        psnr: psnrOf(mse),
        ...(held !== undefined && { psnrHeldOut: psnrOf((2 * held) / heldOut) }),
      };
    },
  };
}

export function psnrOf(mse: number): number {
  return 10 * Math.log10(1 / mse);
}
