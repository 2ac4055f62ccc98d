/** How much of a model's domain its contraction may take at once on a device. */

import { layoutOf, type Shape } from '../buffer/layout.js';
import type { Device } from '../device/device.js';
import { InputError } from '../errors.js';
import type { Range } from '../ops/elementwise/pieces.js';
import { descriptionOf } from './domain/domain.js';
import { formOf, type Model, onDomain, outputShape } from './model.js';
import { withOutputs } from './outputAxis.js';

type Limits = Pick<Device, 'mostBindingBytes'>;

/** The model on a block of its domain that has so many points on each axis of the domain's shape. */
export function onPart(model: Model, shape: Shape): Model {
  const { domain } = model;
  return onDomain(
    model,
    domain.part(
      domain.shape.map(() => 0),
      shape,
    ),
  );
}

/** The model on so many indices of the first axis. */
export function onRows(model: Model, rows: number): Model {
  const [, ...others] = model.domain.shape;
  return onPart(model, [rows, ...others]);
}

/** Whether every tensor of the contraction on the model's domain fits a binding, and its output so many numbers. */
export function contractionFits(model: Model, mostNumbers: number, device: Limits): boolean {
  const mostBound = device.mostBindingBytes / 4;
  const { members, domain, readout } = model;
  const stored = (outputs: number) => members * layoutOf(withOutputs(domain.shape, outputs)).length;
  const most = Math.max(
    stored(Math.max(readout.outputs, readout.hidden ?? 1)),
    members * formOf(model).between(domain),
  );
  return stored(readout.outputs) <= mostNumbers && most <= mostBound;
}

/**
 * The slabs in which a model is trained: ranges of the first axis, as few as the device allows, of one height but the
 * last. One slab is the whole domain, as it is wherever that fits, and where the contraction has no form in slabs.
 *
 * @param mostBytes of one slab of the output tensor; what the device binds by default.
 * @throws InputError if even one index of the first axis is too much.
 */
export function slabsOf(model: Model, device: Limits, mostBytes: number = device.mostBindingBytes): readonly Range[] {
  const [points] = model.domain.shape;
  if (!formOf(model).slabs) return [[0, points]];
  const fits = (height: number) => contractionFits(onRows(model, height), mostBytes / 4, device);
  let height = points;
  for (let count = 2; height > 1 && !fits(height); count++) height = Math.ceil(points / count);
  if (!fits(height)) {
    const bytes = 4 * model.members * layoutOf(outputShape(onRows(model, 1))).length;
    throw new InputError(
      `grid: one index of the first axis of ${descriptionOf(model.domain)} is ${bytes} bytes or more; at most ${Math.min(mostBytes, device.mostBindingBytes)} fit: put the longest axis first, or lower ranks`,
    );
  }
  return slabsOfHeight(points, height);
}

/** So many points in slabs of one height but the last. */
export function slabsOfHeight(points: number, height: number): readonly Range[] {
  return Array.from({ length: Math.ceil(points / height) }, (_, i) => [i * height, Math.min(points, (i + 1) * height)]);
}
