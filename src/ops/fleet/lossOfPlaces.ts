/** Losses that are a sum over points, one for each model of a fleet, with the cotangent at the output. */

import { formatShape, layoutOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { apply, requireSameLayout } from '../../graph/apply.js';
import { type Operand, type Operation, type Site, scratch, type Value } from '../../graph/operation.js';
import { type Dispatch, dispatch, isStorage } from '../../kernel/dispatch.js';
import type { SlotText } from '../../kernel/kernel.js';
import * as kernels from '../../wgsl/elementwise.js';
import { soloWorkgroup } from '../eigen/workgroups.js';
import { pointwiseLossOperation } from '../objective/pointwiseLoss.js';

interface Attributes {
  readonly loss: SlotText;
  /** Models, each of as many consecutive tensors of the output. */
  readonly places: number;
}

const operation: Operation<Attributes> = {
  ...(pointwiseLossOperation as Operation<Attributes>),
  name: 'lossOfPlaces',
  shapes: ([output, target], { places }) => {
    if (!(places >= 1 && output.parts.length % places === 0)) {
      throw new InputError(`lossOfPlaces: ${output.parts.length} outputs in ${places} places: give each place as many`);
    }
    return [layoutOf([places]), requireSameLayout('lossOfPlaces', output, target)];
  },
  lower: site => lowerWith(pointwiseLossOperation, site, site.attributes),
  fuse: (inputs, unshared, { loss, places }) => {
    const fused = pointwiseLossOperation.fuse?.(inputs, unshared, { loss });
    if (!fused) return undefined;
    const together: Operation<never> = {
      ...fused.operation,
      lower: site => lowerWith(fused.operation, site, { loss, places }),
    };
    return { ...fused, operation: together };
  },
};

/**
 * What an operation does that gives one loss and the cotangents, but for its sum: its first dispatch writes sums of the
 * loss, as many of each tensor one after the other, of which each place has its own added up.
 */
function lowerWith<A>(of: Operation<A>, site: Site<A>, { places }: Attributes): Dispatch[] {
  const [losses, cotangent] = site.outputs;
  const [pass] = of.lower({ ...site, outputs: [scratch(layoutOf([])), cotangent] });
  const partial = pass.resources[pass.bindings.findIndex(({ name }) => name === 'loss')];
  if (!isStorage(partial)) throw new Error(`${of.name}: its first dispatch writes no sums of the loss`);
  const { parts } = cotangent.layout;
  if (parts.length > 1 && pass.workgroups[2] !== parts.length) {
    throw new InputError(
      `lossOfPlaces: outputs of shape ${formatShape(parts[0].shape)} are too many workgroups each: train them one by one`,
    );
  }
  return [pass, sumOfEach(site.device, partial, losses, places)];
}

/** Sums of as many consecutive numbers a place, by a workgroup each. */
function sumOfEach(device: Device, partial: Operand['storage'], result: Operand, places: number): Dispatch {
  const columns = partial.bytes / 4;
  return dispatch(kernels.sum, {
    constants: { WORKGROUP: soloWorkgroup(device) },
    settings: { rows: 1, columns, inputStride: columns, stretch: columns / places },
    buffers: { input: partial, result: result.storage },
    workgroups: [places, 1, 1],
  });
}

/**
 * L = sum l(z, y) over all points of each model, and the cotangent G = dL/dZ of all: see `pointwiseLoss`.
 *
 * @param output Z of every model, as many tensors each, one model after the other.
 * @param target Y, the same; packed memory is read in place.
 * @returns losses, (places); and G, of the output's shape.
 * @throws InputError if the shapes differ, or the outputs are not as many in each place.
 */
export function lossOfPlaces(
  output: Value,
  target: Value,
  attributes: Attributes,
): { losses: Value; cotangent: Value } {
  const [losses, cotangent] = apply(operation, [output, target], attributes);
  return { losses, cotangent };
}
