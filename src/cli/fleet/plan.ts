/** What is trained of an image, by its size and channels alone: images that agree in those go through one fleet. */

import { isInputError } from '../../errors.js';
import { optimiserOf } from '../../experiments/optimisers.js';
import type { Engine } from '../../graph/engine.js';
import type { Model } from '../../model/model.js';
import type { Optimiser } from '../../optimiser/optimiser.js';
import type { Preconditioner } from '../../precondition/preconditioner.js';
import { type Choice, choose } from '../fit/choose.js';
import { modelFor, type Picture } from '../fit/largest.js';
import type { FitOptions } from '../fit/options.js';
import { whyOf } from '../fit/why.js';
import { usualTopK } from '../options.js';
import { requireFits } from '../training/limits.js';
import { withoutIdle } from '../training/needs.js';
import { optimiserNeeds, requireConsistent } from '../training/options.js';
import { preconditionerOf } from '../training/preconditioner.js';
import { topKOf } from '../training/topK.js';
import { askedOf, type FleetOptions } from './options.js';

export interface FleetPlan {
  /** By which it is told from the plans of other sizes. */
  readonly kind: string;
  readonly model: Model;
  readonly optimiser: Optimiser;
  readonly preconditioner: Preconditioner | undefined;
  readonly steps: number;
  /** As they were settled. */
  readonly options: FitOptions;
  /** What was picked, as `fit` says it; empty where all was typed. */
  readonly why: string;
}

/** Of a picture: its mean, from which one decoder begins, is not another's. */
type Shape = Pick<Picture, 'width' | 'height' | 'planes'>;

export function kindOf({ width, height, planes }: Shape): string {
  return `${width} x ${height} x ${planes}`;
}

/** @throws InputError what would not suit a picture of that size, or not fit the device. */
export function planOf(
  { device }: Pick<Engine, 'device'>,
  given: FleetOptions,
  isTyped: (name: string) => boolean,
  { width, height, planes }: Shape,
): FleetPlan {
  const shape = { width, height, planes };
  const choice = choose(askedOf(given), name => name === 'optimiser' || isTyped(name), shape, undefined);
  requireConsistent(choice.options, 2);
  const model = modelFor(shape, choice.options);
  const topK = topKIn(model, choice);
  const options: FitOptions = withoutIdle({ ...choice.options, topK, size: { width, height } }, optimiserNeeds);
  requireFits({ device } as Engine, model, options, { size: `${width}x${height}`, data: 'image' });
  return {
    kind: kindOf(shape),
    model,
    optimiser: optimiserOf(options, options.steps),
    preconditioner: preconditionerOf(model.domain.shape, options, options.preconditioner, topK),
    steps: options.steps,
    options,
    why: whyOf(choice, options, shape, model),
  };
}

/**
 * @param sizes of all images, such as 32x24.
 * @throws InputError options with which none of them can be represented, in black and white or in colours.
 */
export function requireSomePlan(
  engine: Pick<Engine, 'device'>,
  given: FleetOptions,
  isTyped: (name: string) => boolean,
  sizes: readonly string[],
): void {
  let first: unknown;
  for (const size of new Set(sizes)) {
    const [width, height] = size.split('x').map(Number);
    if (!(width > 0)) return; // what cannot be read is told image by image
    for (const planes of given.gray ? [1] : [3, 1]) {
      try {
        planOf(engine, given, isTyped, { width, height, planes });
        return;
      } catch (error) {
        if (!isInputError(error)) throw error;
        first ??= error;
      }
    }
  }
  if (first) throw first;
}

/** That of a recipe that leaves it to a training is the usual one here: each image would have another. */
function topKIn({ domain }: Model, { options, usualTopK: usual }: Choice): number {
  return topKOf(domain.shape, options, usual === 'auto' ? usualTopK : usual) as number;
}
