/** Dispatches of matrix products: a kernel's operands times the schedule that suits the device and the shapes. */

import type { Storage } from '../buffer/memory.js';
import type { Device } from '../device/device.js';
import { mostOf } from '../host/arrays.js';
import {
  assemble,
  bytesBound,
  type Description,
  type Dispatch,
  foldedWorkgroups,
  sourcesOf,
  type Workgroups,
} from '../kernel/dispatch.js';
import type { ConstantValue, Kernel, Problem, SlotText } from '../kernel/kernel.js';
import { specialise } from '../kernel/specialise.js';
import type { Schedule } from './schedule.js';
import { candidates, chooseSchedule } from './table.js';

interface ProductProblem {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/** What a product's speed depends on, beside the kernel. */
interface ProductShape {
  readonly problems: readonly ProductProblem[];
  readonly constants?: Readonly<Record<string, ConstantValue | undefined>>;
  readonly slots?: Readonly<Record<string, SlotText>>;
  readonly upper?: boolean;
}

/**
 * A dispatch of a matrix product.
 *
 * @param kernel one with a slot for the schedule: it says which blocks its operands give, and what becomes of a result.
 * @param description `upper` where the results are symmetric: what stands below their diagonals may be anything then.
 */
export function productDispatch<K extends Kernel>(
  device: Device,
  kernel: K,
  description: Description<K> & {
    readonly problems: readonly (Problem<K> & ProductProblem)[];
    readonly upper?: boolean;
  },
  schedule: Schedule = scheduleOf(device, kernel, description),
): Dispatch {
  const { upper = false, slots = {} } = description;
  const problems: readonly ProductProblem[] = description.problems;
  const { workgroups, constants: folds } = productGrid(device, problems, schedule);
  const constants = { ...description.constants, ...schedule.constants, ...folds, ...(upper && { UPPER: true }) };
  const source = specialise(kernel.source, constants, { ...sourcesOf(slots), schedule: schedule.text.source });
  return assemble(kernel, description, source, {
    workgroups,
    work: {
      operations: problems.reduce((sum, p) => sum + 2 * numbersOf(p, upper) * p.inner, 0),
      bytes:
        'left' in description.buffers
          ? operandBytes(description, description.buffers)
          : bytesBound(description.buffers),
    },
    extent: extentOf(problems, upper),
    variants: {
      key: keyOf(kernel, description),
      list: () =>
        candidates(device).map(other => ({
          id: other.id,
          dispatch: productDispatch(device, kernel, description, other),
        })),
    },
  });
}

/** The schedule on which a product would be dispatched. */
export function scheduleOf(device: Device, kernel: Kernel, shape: ProductShape): Schedule {
  return chooseSchedule(device, keyOf(kernel, shape), shape.problems);
}

function keyOf({ name }: Kernel, { constants = {}, slots = {}, problems, upper }: ProductShape): string {
  const filled = Object.values(slots).map(slot => slot.name);
  return [name, ...filled, JSON.stringify(constants), extentOf(problems, upper)].join(' ');
}

/** Numbers of a result, or of those on and above its diagonal. */
function numbersOf({ rows, columns }: ProductProblem, upper = false): number {
  return upper ? (rows * (rows + 1)) / 2 : rows * columns;
}

/** How many workgroups, and so how many invocations, a product takes: a kernel may write one number per invocation. */
export function productWorkgroups(device: Device, problems: readonly ProductProblem[], schedule: Schedule): Workgroups {
  return productGrid(device, problems, schedule).workgroups;
}

/** The workgroups, folded where they are past what the device dispatches along an axis (kernels/shared/tiles.wgsl). */
function productGrid(device: Device, problems: readonly ProductProblem[], { tileRows, tileColumns }: Schedule) {
  const rows = Math.ceil(mostOf(problems, p => p.rows) / tileRows);
  const columns = Math.ceil(mostOf(problems, p => p.columns) / tileColumns);
  const workgroups: Workgroups = [columns, rows, problems.length];
  if (Math.max(...workgroups) <= device.limits.maxComputeWorkgroupsPerDimension) return { workgroups, constants: {} };
  return {
    workgroups: foldedWorkgroups(columns * rows * problems.length, 1, device),
    constants: { ROW_TILES: rows, COLUMN_TILES: columns },
  };
}

function extentOf(problems: readonly ProductProblem[], upper = false): string {
  const [first, ...others] = [...new Set(problems.map(p => `${p.rows} x ${p.columns} x ${p.inner}`))];
  return `${problems.length > 1 ? `${problems.length} of ` : ''}${first}${others.length > 0 ? ' and others' : ''}${upper ? ', upper' : ''}`;
}

/** Of a product of stored matrices: what is bound may hold more than is multiplied. All but the operands are results. */
function operandBytes(
  { problems, constants = {}, upper }: ProductShape,
  buffers: Readonly<Record<string, Storage>>,
): number {
  const results = Object.keys(buffers).length - 2 + ('BLEND' in constants && constants.BLEND ? 1 : 0);
  const numbers = problems.reduce((sum, p) => sum + p.inner * (p.rows + p.columns) + results * numbersOf(p, upper), 0);
  return 4 * numbers;
}
