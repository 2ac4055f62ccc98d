/** How many models a fleet trains at the same time: what a device binds, and from which count on more gain nothing. */

import { layoutOf, padded, stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import {
  formOf,
  type Model,
  modelParameterShapes,
  networkInputs,
  networkPoints,
  networksOf,
} from '../../model/model.js';
import { withOutputs } from '../../model/outputAxis.js';

/** As many as `defineModel` takes. */
const mostMembers = 4096;

/** Numbers of a model's largest tensors on the device: what one binding must hold of all places. @param kernels whether it has pseudo-NTKs. */
function largestOf(model: Model, kernels: boolean): number {
  const { members, domain, readout, network } = model;
  const points = networkPoints(model);
  const inputs = Math.max(networkInputs(model), network.width) + 1;
  const sumOf = (numbers: (points: number, i: number) => number) =>
    points.reduce((sum, count, i) => sum + numbers(count, i), 0);
  return Math.max(
    stackOf(modelParameterShapes(model)).length,
    sumOf(count => count * padded(inputs)),
    sumOf((count, i) => count * padded(networksOf(model)[i].outputs)),
    kernels ? sumOf(count => count * padded(count)) : 0,
    members * layoutOf(withOutputs(domain.shape, Math.max(readout.outputs, readout.hidden ?? 1))).length,
    members * formOf(model).between(domain),
  );
}

/** The most places of a fleet that a device binds. @param kernels whether a preconditioner finds eigenpairs. */
export function mostPlaces(
  model: Model,
  { mostBindingBytes }: Pick<Device, 'mostBindingBytes'>,
  kernels: boolean,
): number {
  return Math.floor(Math.min(mostMembers / model.members, mostBindingBytes / 4 / largestOf(model, kernels)));
}

/** A batch is taken so many times as large, as long as a model's step then takes less than this share of what it took. */
const growth = 4;
const worthwhile = 0.8;
/** Milliseconds of a step from which on a larger batch is not tried: reports and an abort wait for a whole one. */
const longStep = 100;

/**
 * The batch in which a model's step takes about the least.
 *
 * @param most places, as is known by then. @param timeOf milliseconds of one step of so many places.
 */
export async function bestBatch(most: () => number, timeOf: (batch: number) => Promise<number>): Promise<number> {
  let batch = 1;
  let time = await timeOf(batch);
  while (batch < most() && time < longStep) {
    const next = Math.min(most(), growth * batch);
    const nextTime = await timeOf(next);
    const share = nextTime / next / (time / batch);
    if (share < 1) [batch, time] = [next, nextTime];
    if (share > worthwhile) break;
  }
  return batch;
}

/** The least share of the places in which models begin together. */
const leastBeginning = 1 / 8;

/**
 * Whether models may begin in so many free places: where theirs is a preconditioner that is found from nothing, that of all
 * places is computed with it, so that a few begin together.
 */
export function mayBegin(free: number, batch: number, found: boolean): boolean {
  return free > 0 && (!found || free >= leastBeginning * batch);
}
