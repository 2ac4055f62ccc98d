/** Occupancies trained and judged: the intersection of insides over their union. */

import type { Model } from '../model/model.js';
import type { Objective } from '../objective/objective.js';
import type { Trainer } from '../train/trainer.js';
import type { TrainingTask } from './trainingRun.js';

export interface OccupancyMeasured {
  readonly loss: number;
  /** Intersection over union of what lies inside, a point being so where its occupancy is above 0.5. */
  readonly iou: number;
}

/**
 * @param inside 1 inside, 0 outside, in the order of the model's output.
 * @param level of the output where an occupancy is 0.5.
 */
export function occupancyTask(
  model: Model,
  inside: Uint8Array,
  { objective, level }: { readonly objective: Objective; readonly level: number },
): TrainingTask<OccupancyMeasured> {
  return {
    model,
    target: Float32Array.from(inside),
    objective,
    headline: ({ iou }) => `IoU ${iou.toFixed(4)}`,
    async measure(trainer: Trainer) {
      const { training } = await trainer.evaluate();
      return { loss: training, iou: intersectionOverUnion(await trainer.render(), inside, level) };
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
