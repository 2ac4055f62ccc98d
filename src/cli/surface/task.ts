/** What `sepnn surface` trains: occupancies, by the loss that is asked for. */

import { type OccupancyMeasured, occupancyTask } from '../../experiments/occupancy.js';
import type { TrainingTask } from '../../experiments/trainingRun.js';
import type { Model } from '../../model/model.js';
import { occupancyLevel } from './data.js';
import { objectives, type SurfaceOptions } from './options.js';

/** Where a model's output says 0.5: an occupancy itself, or a logit. */
export function levelOf(loss: SurfaceOptions['loss']): number {
  return loss === 'squared-error' ? occupancyLevel : Math.log(occupancyLevel / (1 - occupancyLevel));
}

export function surfaceTask(
  model: Model,
  inside: Uint8Array,
  { loss }: SurfaceOptions,
): TrainingTask<OccupancyMeasured> {
  return occupancyTask(model, inside, { objective: objectives[loss](), level: levelOf(loss) });
}
