/** A dispatch as data: which kernel with which text, what it binds, how many workgroups. No GPU object is made here. */

import type { Storage } from '../buffer/memory.js';
import type { Device } from '../device/device.js';
import { InputError } from '../errors.js';
import { mostOf, totalOf } from '../host/arrays.js';
import { bindingsOf } from './bindings.js';
import type {
  BindingLayout,
  Buffers,
  Constants,
  ConstantValue,
  FieldValues,
  Kernel,
  Problem,
  Settings,
  Slots,
  SlotText,
} from './kernel.js';
import { packStructs } from './pack.js';
import { specialise } from './specialise.js';

/** How many along x, y and z, each up to the device's maxComputeWorkgroupsPerDimension. */
export type Workgroups = readonly [number, number, number];

/** A dispatch as data: a text, what it binds, how many workgroups. `dispatch` and `productDispatch` make it. */
export interface Dispatch {
  /** The kernel's name. */
  readonly kernel: string;
  /** The text that the device compiles. */
  readonly source: string;
  /** What the text binds, all in group 0, in the order of their numbers. */
  readonly bindings: readonly BindingLayout[];
  /** One for each binding: a storage, or the bytes of a table or of settings, which the plan puts into memory of its own. */
  readonly resources: readonly (Storage | Uint8Array<ArrayBuffer>)[];
  /** How many run, along x, y and z. */
  readonly workgroups: Workgroups;
  /** Operations and bytes, for profiles and for submits that are cut by time. */
  readonly work: Work;
  /** Operations of the workgroup that has the most, where not all have as many. */
  readonly fullest?: number;
  /** Of a stretch of another's workgroups: whether it may go in one with that before it. */
  readonly follows?: boolean;
  /** For a report: the products' rows x columns x inner, or the workgroups. */
  readonly extent: string;
  /** What they share that write beside each other in one storage: their order does not matter. */
  readonly beside?: object;
  /** Other dispatches of the same result, among which a tuner may choose. */
  readonly variants?: Variants;
}

/** Whether a resource is memory, and not the bytes of a table. */
export function isStorage(resource: Storage | Uint8Array): resource is Storage {
  return !ArrayBuffer.isView(resource);
}

export interface Variants {
  /** What their speed depends on. */
  readonly key: string;
  list(): readonly { readonly id: string; readonly dispatch: Dispatch }[];
}

/** What a dispatch must do at the least. */
export interface Work {
  /** Floating-point operations of its products, a fused multiply-add counting two; 0 where there are none. */
  readonly operations: number;
  /** Bytes read and written if every operand passes once. */
  readonly bytes: number;
}

export function totalWork(dispatches: readonly Dispatch[]): Work {
  return {
    operations: totalOf(dispatches, ({ work }) => work.operations),
    bytes: totalOf(dispatches, ({ work }) => work.bytes),
  };
}

export interface Description<K extends Kernel> {
  /** Module constants of the text that are to have other values. */
  readonly constants?: Constants<K>;
  /** What stands in its slots, by their names; one that has a text by default too. */
  readonly slots?: Slots<K>;
  /** Entries of its table, a struct each: one for every part of a batch. */
  readonly problems?: readonly Problem<K>[];
  /** Fields of its uniform struct. */
  readonly settings?: Settings<K>;
  /** Storages by the names that the text has for them. */
  readonly buffers: Buffers<K>;
  /** Counted where it matters; by default no operations, and every storage bound passing once. */
  readonly work?: Partial<Work>;
}

/**
 * A dispatch of a kernel that has its own `main`.
 *
 * @param description what it binds, and `workgroups`: how many run.
 * @throws InputError something that the kernel binds and is not given.
 */
export function dispatch<K extends Kernel>(
  kernel: K,
  description: Description<K> & { readonly workgroups: Workgroups },
): Dispatch {
  const { constants = {}, slots = {}, workgroups, buffers } = description;
  return assemble(kernel, description, specialise(kernel.source, constants, sourcesOf(slots)), {
    workgroups,
    work: { operations: 0, bytes: bytesBound(buffers), ...description.work },
    extent: `${workgroups.join(' x ')} workgroups`,
  });
}

export function sourcesOf(slots: Readonly<Record<string, SlotText>>): Record<string, string> {
  return Object.fromEntries(Object.entries(slots).map(([name, { source }]) => [name, source]));
}

export function bytesBound(buffers: Readonly<Record<string, Storage>>): number {
  return totalOf(Object.values(buffers), ({ bytes }) => bytes);
}

/** What a kernel binds, in its order, and its text, as a dispatch. @throws InputError what is not given. */
export function assemble<K extends Kernel>(
  { name, source: text, bindings = bindingsOf(text) }: K,
  description: Pick<Description<K>, 'problems' | 'settings' | 'buffers'>,
  source: string,
  rest: Pick<Dispatch, 'workgroups' | 'work' | 'fullest' | 'extent' | 'variants'>,
): Dispatch {
  const buffers: Readonly<Record<string, Storage>> = description.buffers;
  const resources = bindings.map(binding => {
    if (binding.struct) {
      const values = binding.table ? description.problems : [description.settings];
      if (!values?.[0]) throw new InputError(`${name}: nothing is given for ${binding.name}`);
      return packStructs(name, binding, values as readonly FieldValues[]);
    }
    const storage = buffers[binding.name];
    if (!storage) throw new InputError(`${name}: nothing is given for ${binding.name}`);
    return storage;
  });
  return { kernel: name, source, bindings, resources, ...rest };
}

/** Workgroups in two dimensions for a kernel that folds a long line of them (see kernels/optimiser/adam.wgsl). */
export function foldedWorkgroups(count: number, size: number, device: Device): Workgroups {
  const all = Math.ceil(count / size);
  const most = device.limits.maxComputeWorkgroupsPerDimension;
  const high = Math.ceil(all / most);
  return [Math.ceil(all / high), high, 1];
}

/** Threads of a workgroup where no text asks for a number: on a GPU as many as its products have, to which a dispatch may be joined. */
export function usualWorkgroup({ cpu }: Device): number {
  return cpu ? 64 : 256;
}

/**
 * The `constants`, of which `WORKGROUP` is the threads of one, and the `workgroups` of a dispatch over `count` numbers,
 * one thread each: of a kernel that folds its workgroups, see `foldedWorkgroups`.
 */
export function oneThreadEach(device: Device, count: number) {
  return oneThreadEachOf(device, [count]);
}

/** The same of a batch, a problem along the third axis of the workgroups. */
export function oneThreadEachOf(device: Device, counts: readonly number[]) {
  const size = usualWorkgroup(device);
  const [wide, high] = foldedWorkgroups(
    mostOf(counts, count => count),
    size,
    device,
  );
  return {
    constants: { WORKGROUP: size },
    workgroups: [wide, high, counts.length],
  } satisfies { constants: Record<string, ConstantValue>; workgroups: Workgroups };
}
