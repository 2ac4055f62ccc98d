/** Products whose inner axis is cut into parts: for their rounding where it is long, and for a GPU's processors where it is deep. */

import { quad } from '../buffer/layout.js';
import { Storage } from '../buffer/memory.js';
import type { Device } from '../device/device.js';
import { mostOf } from '../host/arrays.js';
import { bindingsOf } from '../kernel/bindings.js';
import { type Dispatch, oneThreadEachOf } from '../kernel/dispatch.js';
import type { Kernel } from '../kernel/kernel.js';
import { addParts, split, splitConstants } from '../wgsl/inner.js';
import { assembled, keyOf, type LongSums, type ProductDescription, productGrid, workOf } from './product.js';
import type { Schedule } from './schedule.js';
import { choose, cpuSchedule, gpuTile, type ProductProblem, type Products, tilesOf, workgroupsOnGpu } from './table.js';

/** A longer inner axis is cut for its rounding: so many terms kernels/inner/split.wgsl adds one after the other. */
const longestSum = splitConstants.BLOCK;
/** All that is kept of the parts until they are added up, in bytes. */
const mostPartBytes = 2 ** 26;
const mostParts = 256;
/** Numbers of the inner axis of a part on a GPU at the least. */
const leastPart = 256;
/** The least inner axis that is cut there to give it work: for a shorter one a second pass costs more. */
const deepOnGpu = 1024;
/** Numbers of a part on a CPU adapter, whose caches then hold a part of the operands while all tiles are made from it. */
const cpuPart = 2048;

export interface Choice {
  readonly schedule: Schedule;
  /** Of the inner axis, each summed by itself before they are added up; 0 where it is not cut. */
  readonly parts: number;
}

/** The quads of the largest result: what each problem has room for in a part. */
function quadsOfPart(problems: readonly ProductProblem[]): number {
  return mostOf(problems, p => p.rows * Math.ceil(p.columns / quad));
}

/** What the table says where the inner axis may be cut; what a tuner found for one of usual length is left whole. */
export function chooseCut(device: Device, key: string, products: Products): Choice {
  const { problems } = products;
  const inner = mostOf(problems, p => p.inner);
  const isLong = inner > longestSum;
  const whole = { schedule: choose(device, key, products), parts: 0 };
  if (device.tuning.has(key) && !isLong) return whole;
  const most = Math.min(mostParts, Math.floor(mostPartBytes / (4 * quad * quadsOfPart(problems) * problems.length)));
  if (device.cpu) {
    const parts = isLong ? Math.min(most, Math.ceil(inner / cpuPart)) : 0;
    return parts > 0 ? { schedule: cpuSchedule(device, problems), parts } : whole;
  }
  const possible = inner < deepOnGpu ? 0 : Math.min(most, Math.floor(inner / leastPart));
  const schedule = gpuTile(device, products, Math.max(1, possible));
  const parts = Math.min(possible, Math.ceil(workgroupsOnGpu / tilesOf(products, schedule)));
  return parts > 1 || (isLong && parts > 0) ? { schedule, parts } : whole;
}

/**
 * The two dispatches of a product whose inner axis is worth cutting: the second adds up the parts of each result in their
 * order, and stores. Runs repeat to the bit.
 *
 * No result is then off by more than (4096 + n / 4096 + 256) 2^-24 times the sum of its terms without their signs, to
 * first order, n being the inner axis (Higham, Accuracy and Stability of Numerical Algorithms, 4.2): but where the
 * results take more than 64 MiB, all n terms are added one after the other.
 *
 * @param kernel one with a slot for the schedule: it says which blocks its operands give, and what becomes of a result.
 * @param description `upper` where the results are symmetric: what stands below their diagonals may be anything then.
 * @returns undefined also where the kernel has settings, or a device no room for one storage or a batch so long.
 */
export const longSums: LongSums = (device, kernel, description) => {
  const { maxStorageBuffersPerShaderStage, maxComputeWorkgroupsPerDimension } = device.limits;
  const storages = (kernel.bindings ?? bindingsOf(kernel.source)).filter(({ access }) => access !== 'uniform');
  if (description.settings || storages.length >= maxStorageBuffersPerShaderStage) return undefined;
  if (description.problems.length > maxComputeWorkgroupsPerDimension) return undefined;
  const choice = chooseCut(device, keyOf(kernel, description), description);
  return choice.parts > 0 ? cutDispatches(device, kernel, description, choice) : undefined;
};

/** The same on a schedule, in so many parts. */
export function cutDispatches<K extends Kernel>(
  device: Device,
  kernel: K,
  description: ProductDescription<K>,
  { schedule, parts }: Choice,
): readonly Dispatch[] {
  const own = kernel.bindings ?? bindingsOf(kernel.source);
  const problems: readonly ProductProblem[] = description.problems;
  const quads = quadsOfPart(problems);
  const partial = new Storage(4 * quad * quads * problems.length * parts);
  const summing = {
    ...description,
    buffers: { ...description.buffers, partial },
    settings: { parts, quads },
    constants: { ...description.constants, AFTER: own.length },
  };
  const both = { ...kernel, bindings: [...own, ...bindingsOf(split.source)] };
  const first = { ...productGrid(device, problems, schedule, parts), work: workOf(description) };
  const second = {
    ...oneThreadEachOf(
      device,
      problems.map(() => quads),
    ),
    work: { operations: 0, bytes: partial.bytes },
  };
  return [assembled(both, summing, schedule.text, split, first), assembled(both, summing, addParts, split, second)];
}
