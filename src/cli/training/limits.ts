/** What a training takes, against what a device binds. */

import { sizeOfAll } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import { slabsOf } from '../../model/fits.js';
import {
  formOf,
  type Model,
  networkInputs,
  networkPoints,
  networksOf,
  outputShapes,
  parameterCount,
} from '../../model/model.js';
import { groupingOf } from '../../precondition/grouping.js';
import type { TrainingOptions } from './options.js';
import { groupOf } from './preconditioner.js';

/** How errors name a grid: its size as the option gives it, and what lies on it. */
export interface GridWords {
  readonly size: string;
  readonly data: string;
}

/** @throws InputError what would not fit the device's limits, before anything is allocated. */
export function requireFits(
  { device }: Engine,
  model: Model,
  options: Pick<TrainingOptions, 'rank' | 'width' | 'depth' | 'preconditioner' | 'group'> & {
    readonly parameters?: number | undefined;
  },
  { size, data }: GridWords,
): void {
  const { rank, width, depth, preconditioner, parameters } = options;
  const typed =
    parameters === undefined ? `--rank ${rank} --width ${width} --depth ${depth}` : `--parameters ${parameters}`;
  const points = networkPoints(model);
  const widest = Math.max(width + 1, networkInputs(model) + 1, ...networksOf(model).map(({ outputs }) => outputs));
  const over = (of: (points: number) => number) => points.reduce((sum, n) => sum + of(n), 0);
  const needs: [string, number][] = [
    [`${typed}: the parameters take`, parameterCount(model)],
    [`--size ${size} --width ${width}: a layer's activations take`, over(n => n * widest)],
  ];
  if (preconditioner === 'seppgd') needs.push([`--size ${size}: the tangent kernels take`, over(n => n ** 2)]);
  if (preconditioner === 'msk' || preconditioner === 'iga') {
    const remedy = preconditioner === 'msk' ? 'use fewer, or iga' : 'use larger groups';
    groupingOf(preconditioner, model, { topK: 1, group: groupOf(model.domain.shape, options), remedy }, device);
  }
  // What has a form in slabs trains in slabs of what the device binds.
  if (formOf(model).slabs) slabsOf(model, device);
  else {
    const numbers = sizeOfAll(outputShapes(model));
    needs.push([`--size ${size}: the ${data} takes`, numbers]);
  }
  const most = device.mostBindingBytes;
  for (const [what, numbers] of needs) {
    if (numbers * 4 > most) {
      throw new InputError(`${what} ${numbers * 4} bytes, and the adapter binds at most ${most}: use less`);
    }
  }
}
