/** What `sepnn surface` trains and how it judges: occupancies, by the intersection of insides over their union. */

import type { TrainingTask } from '../../experiments/trainingRun.js';
import type { Model } from '../../model/model.js';
import type { Trainer } from '../../train/trainer.js';
import { occupancyLevel } from './data.js';
import { objectives, type SurfaceOptions } from './options.js';

export interface SurfaceMeasured {
  readonly loss: number;
  /** Intersection over union of what lies inside, a point being so where its occupancy is above 0.5. */
  readonly iou: number;
}

/** Where a model's output says 0.5: an occupancy itself, or a logit. */
export function levelOf(loss: SurfaceOptions['loss']): number {
  return loss === 'squared-error' ? occupancyLevel : Math.log(occupancyLevel / (1 - occupancyLevel));
}

export function surfaceTask(model: Model, inside: Uint8Array, { loss }: SurfaceOptions): TrainingTask<SurfaceMeasured> {
  return {
    model,
    target: Float32Array.from(inside),
    objective: objectives[loss](),
    headline: ({ iou }) => `IoU ${iou.toFixed(4)}`,
    async measure(trainer: Trainer) {
      const { training } = await trainer.evaluate();
      return { loss: training, iou: intersectionOverUnion(await trainer.render(), inside, levelOf(loss)) };
    },
  };
}

/** Of the points where `output` is above `level` and those where `inside` is 1; 1 where there are none of either. */
export function intersectionOverUnion(output: Float32Array, inside: Uint8Array, level: number): number {
  let [both, either] = [0, 0];
  for (let i = 0; i < inside.length; i++) {
    const above = output[i] > level ? 1 : 0;
    both += above & inside[i];
    either += above | inside[i];
  }
  return either === 0 ? 1 : both / either;
}
