/** Occupancies trained and judged: the intersection of insides over their union. */

import { sizeOf } from '../buffer/layout.js';
import type { Model } from '../model/model.js';
import type { Objective } from '../objective/objective.js';
import { renderTiles } from '../train/renderTiles.js';
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
  const [, ...others] = model.domain.shape;
  const row = sizeOf(others);
  return {
    model,
    // A byte a point is held, and four only of the rows at hand.
    target: (from, to) => Float32Array.from(inside.subarray(from * row, to * row)),
    objective,
    headline: ({ iou }) => `IoU ${iou.toFixed(4)}`,
    async measure(trainer: Trainer) {
      const { training } = await trainer.evaluate();
      const overlap = new Overlap(level);
      for await (const { start, values } of renderTiles(trainer)) {
        overlap.add(values, inside.subarray(start[0] * row, start[0] * row + values.length));
      }
      return { loss: training, iou: overlap.share };
    },
  };
}

/** Of the points where an output is above a level and those that are inside, counted part by part. */
class Overlap {
  #both = 0;
  #either = 0;

  constructor(private readonly level: number) {}

  add(output: Float32Array, inside: Uint8Array): void {
    for (let i = 0; i < inside.length; i++) {
      const above = output[i] > this.level ? 1 : 0;
      this.#both += above & inside[i];
      this.#either += above | inside[i];
    }
  }

  /** Intersection over union; 1 where there are none of either. */
  get share(): number {
    return this.#either === 0 ? 1 : this.#both / this.#either;
  }
}

/** Of the points where `output` is above `level` and those where `inside` is 1; 1 where there are none of either. */
export function intersectionOverUnion(output: Float32Array, inside: Uint8Array, level: number): number {
  const overlap = new Overlap(level);
  overlap.add(output, inside);
  return overlap.share;
}
