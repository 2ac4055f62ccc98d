/** An image trained and judged: mean squared errors as PSNR, over the pixels trained on, those held out and those of the validation. */

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
  /** Against the numbers that a validation has, noise included. */
  readonly mseValidation?: number;
  readonly psnrValidation?: number;
}

export function imageTask(model: Model, data: PreparedImage): TrainingTask<ImageMeasured> {
  const { target, evaluations, trained, heldOut, validation } = data;
  return {
    model,
    target,
    evaluations,
    headline: ({ psnr, psnrValidation: held }) =>
      `PSNR ${psnr.toFixed(2)} dB${held === undefined ? '' : `, validation ${held.toFixed(2)} dB`}`,
    ...(validation > 0 && { validation: ({ mseValidation }) => mseValidation as number }),
    async measure(trainer: Trainer) {
      const { training, clean = training, heldOut: held, validation: validated } = await trainer.evaluate();
      const mse = (2 * clean) / trained;
      return {
        loss: training,
        mse,
        psnr: psnrOf(mse),
        ...(held !== undefined && { psnrHeldOut: psnrOf((2 * held) / heldOut) }),
        ...(validated !== undefined && {
          mseValidation: (2 * validated) / validation,
          psnrValidation: psnrOf((2 * validated) / validation),
        }),
      };
    },
  };
}

export function psnrOf(mse: number): number {
  return 10 * Math.log10(1 / mse);
}
