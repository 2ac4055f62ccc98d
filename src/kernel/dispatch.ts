/** A dispatch as data: which kernel with which text, what it binds, how many workgroups. No GPU object is made here. */

import type { Storage } from '../buffer/memory.js';
import type { Device } from '../device/device.js';
import { InputError } from '../errors.js';
import {
  type BindingLayout,
  type Buffers,
  type Constants,
  catalogue,
  type KernelName,
  type Problem,
  type Settings,
  scheduleCatalogue,
} from './catalogue.js';
import { type FieldValues, packStructs } from './pack.js';
import type { Schedule } from './schedule.js';
import { chooseSchedule } from './scheduleTable.js';
import { specialise } from './specialise.js';

export type Workgroups = readonly [number, number, number];

export interface Dispatch {
  readonly kernel: KernelName;
  /** The text that the device compiles. */
  readonly source: string;
  readonly bindings: readonly BindingLayout[];
  /** One a binding: a storage, or the bytes of a table or of settings, which the plan puts into memory of its own. */
  readonly resources: readonly (Storage | Uint8Array<ArrayBuffer>)[];
  readonly workgroups: Workgroups;
  readonly work: Work;
  /** For a report: the products' rows x columns x inner, or the workgroups. */
  readonly extent: string;
  /** Of a matrix product: what a tuner needs. */
  readonly product?: { readonly key: string; on(schedule: Schedule): Dispatch };
}

/** What a dispatch must do at the least. */
export interface Work {
  /** Floating-point operations of its products, a fused multiply-add counting two; 0 where there are none. */
  readonly operations: number;
  /** Bytes read and written if every operand passes once. */
  readonly bytes: number;
}

export function totalWork(dispatches: readonly Dispatch[]): Work {
  return dispatches.reduce(
    (sum, { work }) => ({ operations: sum.operations + work.operations, bytes: sum.bytes + work.bytes }),
    { operations: 0, bytes: 0 },
  );
}

interface Description<K extends KernelName> {
  readonly constants?: Constants<K>;
  readonly problems?: readonly Problem<K>[];
  readonly settings?: Settings<K>;
  readonly buffers: Buffers<K>;
  /** Counted where it matters; by default no operations, and every storage bound passing once. */
  readonly work?: Partial<Work>;
}

/** A dispatch of a kernel that has its own `main`. */
export function dispatch<K extends KernelName>(
  kernel: K,
  description: Description<K> & { readonly workgroups: Workgroups },
): Dispatch {
  return assemble(kernel, description, specialise(catalogue[kernel].source, definite(description.constants)), {
    workgroups: description.workgroups,
    work: { operations: 0, bytes: bytesBound(description.buffers), ...description.work },
    extent: `${description.workgroups.join(' x ')} workgroups`,
  });
}

interface ProductProblem {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

interface ProductDescription {
  readonly problems: readonly ProductProblem[];
  readonly buffers: Readonly<Record<string, Storage>>;
  readonly constants?: Readonly<Record<string, number | boolean | undefined>>;
  readonly upper?: boolean;
}

/**
 * A dispatch of a matrix product, on the schedule that suits the device and the shapes.
 *
 * @param description `upper` where the results are symmetric: what stands below their diagonals may be anything then.
 */
export function productDispatch<K extends KernelName>(
  device: Device,
  kernel: K,
  description: Description<K> & {
    readonly problems: readonly (Problem<K> & ProductProblem)[];
    readonly upper?: boolean;
  },
  schedule: Schedule = scheduleOf(device, kernel, description),
): Dispatch {
  const { upper = false } = description;
  const problems: readonly ProductProblem[] = description.problems;
  const { workgroups, constants: folds } = productGrid(device, problems, schedule);
  const constants = {
    ...definite(description.constants),
    ...schedule.constants,
    ...folds,
    ...(upper && { UPPER: true }),
  };
  const source = specialise(catalogue[kernel].source, constants, scheduleCatalogue[schedule.name].source);
  return assemble(kernel, description, source, {
    workgroups,
    work: {
      operations: problems.reduce((sum, p) => sum + 2 * numbersOf(p, upper) * p.inner, 0),
      bytes: 'left' in description.buffers ? operandBytes(description) : bytesBound(description.buffers),
    },
    extent: extentOf(problems, upper),
    product: {
      key: keyOf(kernel, description),
      on: other => productDispatch(device, kernel, description, other),
    },
  });
}

/** The schedule on which a product would be dispatched. */
export function scheduleOf(
  device: Device,
  kernel: KernelName,
  description: Pick<ProductDescription, 'constants' | 'problems' | 'upper'>,
): Schedule {
  return chooseSchedule(device, keyOf(kernel, description), description.problems);
}

/** What a product's speed depends on. */
function keyOf(
  kernel: KernelName,
  { constants = {}, problems, upper }: Pick<ProductDescription, 'constants' | 'problems' | 'upper'>,
) {
  return `${kernel} ${JSON.stringify(definite(constants))} ${extentOf(problems, upper)}`;
}

/** Numbers of a result, or of those on and above its diagonal. */
function numbersOf({ rows, columns }: ProductProblem, upper = false): number {
  return upper ? (rows * (rows + 1)) / 2 : rows * columns;
}

/** How many workgroups, and so how many invocations, a product takes: a kernel may write one number an invocation. */
export function productWorkgroups(device: Device, problems: readonly ProductProblem[], schedule: Schedule): Workgroups {
  return productGrid(device, problems, schedule).workgroups;
}

/** The workgroups, folded where they are past what the device dispatches along an axis (kernels/shared/tiles.wgsl). */
function productGrid(device: Device, problems: readonly ProductProblem[], { tileRows, tileColumns }: Schedule) {
  const rows = Math.ceil(Math.max(...problems.map(p => p.rows)) / tileRows);
  const columns = Math.ceil(Math.max(...problems.map(p => p.columns)) / tileColumns);
  const workgroups: Workgroups = [columns, rows, problems.length];
  if (Math.max(...workgroups) <= device.limits.maxComputeWorkgroupsPerDimension) return { workgroups, constants: {} };
  return {
    workgroups: foldedWorkgroups(columns * rows * problems.length, 1, device),
    constants: { ROW_TILES: rows, COLUMN_TILES: columns },
  };
}

/** Workgroups in two dimensions for a kernel that folds a long line of them (see kernels/train/adam.wgsl). */
export function foldedWorkgroups(count: number, size: number, device: Device): Workgroups {
  const all = Math.ceil(count / size);
  const most = device.limits.maxComputeWorkgroupsPerDimension;
  const high = Math.ceil(all / most);
  return [Math.ceil(all / high), high, 1];
}

function extentOf(problems: readonly ProductProblem[], upper = false): string {
  const [first, ...others] = [...new Set(problems.map(p => `${p.rows} x ${p.columns} x ${p.inner}`))];
  return `${problems.length > 1 ? `${problems.length} of ` : ''}${first}${others.length > 0 ? ' and others' : ''}${upper ? ', upper' : ''}`;
}

function bytesBound(buffers: Readonly<Record<string, Storage>>): number {
  return Object.values(buffers).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Of a product of stored matrices: what is bound may hold more than is multiplied. All but the operands are results. */
function operandBytes({ problems, buffers, constants = {}, upper }: ProductDescription): number {
  const results = Object.keys(buffers).length - 2 + ('BLEND' in constants && constants.BLEND ? 1 : 0);
  const numbers = problems.reduce((sum, p) => sum + p.inner * (p.rows + p.columns) + results * numbersOf(p, upper), 0);
  return 4 * numbers;
}

function assemble<K extends KernelName>(
  kernel: K,
  description: Description<K>,
  source: string,
  rest: Pick<Dispatch, 'workgroups' | 'work' | 'extent' | 'product'>,
): Dispatch {
  const { bindings } = catalogue[kernel];
  const buffers = description.buffers as Readonly<Record<string, Storage>>;
  const resources = bindings.map(binding => {
    if (binding.struct) {
      const values = binding.table ? description.problems : [description.settings];
      if (!values?.[0]) throw new InputError(`${kernel}: nothing is given for ${binding.name}`);
      return packStructs(binding, values as readonly FieldValues[]);
    }
    const storage = buffers[binding.name];
    if (!storage) throw new InputError(`${kernel}: nothing is bound to ${binding.name}`);
    return storage;
  });
  return { kernel, source, bindings, resources, ...rest };
}

function definite(constants: Readonly<Record<string, number | boolean | undefined>> = {}) {
  return Object.fromEntries(
    Object.entries(constants).filter((entry): entry is [string, number | boolean] => entry[1] !== undefined),
  );
}
