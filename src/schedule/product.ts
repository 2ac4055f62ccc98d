/** Dispatches of matrix products: a kernel's operands times the schedule that suits the device and the shapes. */

import type { Storage } from '../buffer/memory.js';
import type { Device } from '../device/device.js';
import { mostOf, totalOf } from '../host/arrays.js';
import {
  assemble,
  bytesBound,
  type Description,
  type Dispatch,
  foldedWorkgroups,
  sourcesOf,
  type Work,
  type Workgroups,
} from '../kernel/dispatch.js';
import type { ConstantValue, Kernel, Problem, SlotText } from '../kernel/kernel.js';
import { specialise } from '../kernel/specialise.js';
import { whole } from '../wgsl/inner.js';
import type { Schedule } from './schedule.js';
import { candidates, choose, numbersOf, type ProductProblem } from './table.js';

/** What a product's speed depends on, beside the kernel. */
interface ProductShape {
  readonly problems: readonly ProductProblem[];
  readonly constants?: Readonly<Record<string, ConstantValue | undefined>>;
  readonly slots?: Readonly<Record<string, SlotText>>;
  readonly upper?: boolean;
}

/** What a matrix product is dispatched with: what its kernel binds, and the shapes of each product of the batch. */
export type ProductDescription<K extends Kernel> = Description<K> & {
  /** Rows, columns and inner axis of each product of the batch, with the rest of its entry in the kernel's table. */
  readonly problems: readonly (Problem<K> & ProductProblem)[];
  /** Whether the results are symmetric: of tiles below their diagonals none is made. False by default. */
  readonly upper?: boolean;
};

/**
 * A matrix product as one dispatch, or as two where the engine was given `longSums` and its inner axis is worth cutting.
 *
 * @param kernel one with a slot for the schedule: it says which blocks its operands give, and what becomes of a result.
 * @param description `upper` where the results are symmetric: what stands below their diagonals may be anything then.
 */
export function productDispatches<K extends Kernel>(
  device: Device,
  kernel: K,
  description: ProductDescription<K>,
): readonly Dispatch[] {
  const cut = device.options.longSums as LongSums | undefined;
  return (
    cut?.(device, kernel, description as unknown as ProductDescription<Kernel>) ?? [
      productDispatch(device, kernel, description),
    ]
  );
}

/** A product that writes beside others in one storage. Where it is cut, both of its dispatches write the sums of its parts, and stand in their order. */
export function besideOthers(dispatches: readonly Dispatch[], storage: Storage): readonly Dispatch[] {
  return dispatches.length > 1 ? dispatches : dispatches.map(one => ({ ...one, beside: storage }));
}

/** The dispatches of a product that is cut, or undefined: see schedule/cut.ts. */
export type LongSums = (
  device: Device,
  kernel: Kernel,
  description: ProductDescription<Kernel>,
) => readonly Dispatch[] | undefined;

/** A product in one dispatch, however long the inner axis. */
export function productDispatch<K extends Kernel>(
  device: Device,
  kernel: K,
  description: ProductDescription<K>,
  schedule: Schedule = scheduleOf(device, kernel, description),
): Dispatch {
  return {
    ...assembled(kernel, description, schedule.text, whole, {
      ...productGrid(device, description.problems, schedule),
      work: workOf(description),
    }),
    variants: {
      key: keyOf(kernel, description),
      list: () =>
        candidates(device).map(other => ({
          id: other.id,
          dispatch: productDispatch(device, kernel, description, other),
        })),
    },
  };
}

/** A kernel with a text for its schedule and one for how that goes through the inner axis. */
export function assembled(
  kernel: Kernel,
  description: ProductShape & Omit<Description<Kernel>, 'constants'>,
  schedule: SlotText,
  inner: SlotText,
  {
    constants,
    ...rest
  }: Pick<Dispatch, 'workgroups' | 'work' | 'fullest'> & {
    readonly constants: Readonly<Record<string, ConstantValue>>;
  },
): Dispatch {
  const { slots = {}, upper, problems } = description;
  const all = { ...description.constants, ...constants, ...(upper && { UPPER: true }) };
  const source = specialise(kernel.source, all, sourcesOf({ ...slots, schedule, inner }));
  return assemble(kernel, description, source, { ...rest, extent: extentOf(problems, upper) });
}

/** The schedule on which a product would be dispatched in one. */
export function scheduleOf(device: Device, kernel: Kernel, shape: ProductShape): Schedule {
  return choose(device, keyOf(kernel, shape), shape);
}

export function keyOf({ name }: Kernel, { constants = {}, slots = {}, problems, upper }: ProductShape): string {
  return [
    name,
    ...Object.values(slots).map(slot => slot.name),
    JSON.stringify(constants),
    extentOf(problems, upper),
  ].join(' ');
}

/** How many workgroups, and so how many invocations, a product takes: a kernel may write one number per invocation. */
export function productWorkgroups(device: Device, problems: readonly ProductProblem[], schedule: Schedule): Workgroups {
  return productGrid(device, problems, schedule).workgroups;
}

/** The workgroups, folded where they are past what the device dispatches along an axis (kernels/shared/product/tiles.wgsl). */
export function productGrid(device: Device, problems: readonly ProductProblem[], schedule: Schedule, parts = 1) {
  const rows = Math.ceil(mostOf(problems, p => p.rows) / schedule.tileRows);
  const columns = Math.ceil(mostOf(problems, p => p.columns) / schedule.tileColumns);
  const deep = problems.length * parts;
  const workgroups: Workgroups = [columns, rows, deep];
  const fullest = 2 * schedule.tileRows * schedule.tileColumns * (mostOf(problems, p => p.inner) / parts);
  const isFolded = Math.max(...workgroups) > device.limits.maxComputeWorkgroupsPerDimension;
  return {
    fullest,
    workgroups: isFolded ? foldedWorkgroups(columns * rows * deep, 1, device) : workgroups,
    constants: { ...schedule.constants, ...(isFolded && { FOLDED: true, ROW_TILES: rows, COLUMN_TILES: columns }) },
  };
}

function extentOf(problems: readonly ProductProblem[], upper?: boolean): string {
  const [first, ...others] = [...new Set(problems.map(p => `${p.rows} x ${p.columns} x ${p.inner}`))];
  return `${problems.length > 1 ? `${problems.length} of ` : ''}${first}${others.length > 0 ? ' and others' : ''}${upper ? ', upper' : ''}`;
}

export function workOf({
  problems,
  upper,
  constants = {},
  buffers,
}: ProductShape & Pick<Description<Kernel>, 'buffers'>): Work {
  const operations = totalOf(problems, p => 2 * numbersOf(p, upper) * p.inner);
  if (!('left' in buffers)) return { operations, bytes: bytesBound(buffers) };
  // Of stored matrices: what is bound may hold more than is multiplied. All but the operands are results.
  const results = Object.keys(buffers).length - 2 + (constants.BLEND ? 1 : 0);
  const numbers = totalOf(problems, p => p.inner * (p.rows + p.columns) + results * numbersOf(p, upper));
  return { operations, bytes: 4 * numbers };
}
