/** How a model's points are grouped for the preconditioners of the model as a whole, and what that asks of a device. */

import { padded, type Shape } from '../buffer/layout.js';
import type { Device } from '../device/device.js';
import { InputError } from '../errors.js';
import { requireCount } from '../host/checks.js';
import type { Random } from '../host/random.js';
import { coordinatesOf, type Domain, everyAxis } from '../model/domain/domain.js';
import { hasPointForm, type Model } from '../model/model.js';
import { requirePointNtk } from '../ntk/pointNtk.js';
import { mostTopK } from '../ops/eigen/leadingEigenpairs.js';
import { groupedShape } from '../ops/precondition/groupPoints.js';

export interface Grouping {
  /** The shape of the domain. */
  readonly grid: Shape;
  /** Points of a group along each axis of it. */
  readonly block: Shape;
  /** Groups, and so samples. */
  readonly samples: number;
}

/**
 * @param name of the preconditioner, for errors.
 * @param group points of a group along each axis, or one number for all; of scattered points, how many.
 * @param remedy what to do where the NTK of the samples is too large.
 * @throws InputError a group or a k out of range, a model without an NTK of this kind, or an NTK that is more than the
 * device binds.
 */
export function groupingOf(
  name: string,
  model: Model,
  {
    topK,
    group,
    remedy,
  }: { readonly topK: number; readonly group: number | readonly number[]; readonly remedy: string },
  device: Pick<Device, 'mostBindingBytes'>,
): Grouping {
  const { domain, contraction, members, readout } = model;
  if (!hasPointForm(model)) {
    throw new InputError(
      `${name}: a ${contraction.name} contraction has no form on scattered points: use cp or jointNetwork, or seppgd`,
    );
  }
  if (readout.outputs > 1) {
    throw new InputError(`${name}: is for one output per point, and this model has ${readout.outputs}: use members`);
  }
  requirePointNtk(model);
  const grid = domain.shape;
  const block = typeof group === 'number' ? grid.map(() => group) : group;
  if (block.length !== grid.length) {
    throw new InputError(
      `group: ${block.join(' x ')} for points on ${grid.length} axes: give one number, or one per axis`,
    );
  }
  grid.forEach((points, axis) => {
    requireCount('group', block[axis], 1, points);
  });
  const [, samples] = groupedShape({ grid, block });
  const numbers = members * samples * padded(samples);
  if (4 * numbers > device.mostBindingBytes) {
    const most = mostSamples(members, device.mostBindingBytes);
    throw new InputError(
      `${name}: a tangent kernel of ${samples} points for each of ${members} members takes ${4 * numbers} bytes, and the adapter binds at most ${device.mostBindingBytes}, that is ${most} points: ${remedy}`,
    );
  }
  requireCount('topK', topK, 1, mostTopK(samples));
  return { grid, block, samples };
}

/** The most samples whose kernels, one per member, fit into one binding. */
function mostSamples(members: number, bytes: number): number {
  let samples = Math.floor(Math.sqrt(bytes / (4 * members)));
  while (samples > 1 && 4 * members * samples * padded(samples) > bytes) samples--;
  return samples;
}

/** One point of every group by chance: its index on each axis. */
export function samplesOf({ grid, block, samples }: Grouping, random: Random): number[][] {
  const blocks = grid.map((points, d) => Math.ceil(points / block[d]));
  return Array.from({ length: samples }, (_, group) => {
    let rest = group;
    const at = grid.map(() => 0);
    for (let d = grid.length - 1; d >= 0; d--) {
      const first = (rest % blocks[d]) * block[d];
      rest = Math.floor(rest / blocks[d]);
      at[d] = first + Math.floor(random.uniform() * Math.min(block[d], grid[d] - first));
    }
    return at;
  });
}

/** The coordinates of some points of a domain, point by point. @param indices of each in the domain's shape. */
export function coordinatesAt(domain: Domain, indices: readonly (readonly number[])[]): number[] {
  const axes = everyAxis(domain).map(axis => coordinatesOf(domain, [axis]));
  return indices.flatMap(index => axes.map((values, axis) => values[domain.isGrid ? index[axis] : index[0]]));
}
