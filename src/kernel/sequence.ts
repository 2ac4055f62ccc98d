/** A list of dispatches made ready for one device: pipelines compiled, tables uploaded, bind groups made. */

import { bufferOf, type Memory, type Storage, usage } from '../buffer/memory.js';
import type { Device } from '../device/device.js';
import { InputError } from '../errors.js';
import { type Dispatch, isStorage } from './dispatch.js';
import type { Pipelines } from './pipelines.js';

interface Ready {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly dispatch: Dispatch;
}

/** A command encoder or a compute pass of the host's own, into which sequences may be encoded. */
export type HostEncoder = GPUCommandEncoder | GPUComputePassEncoder;

export type Entries = readonly (readonly [Sequence, times: number])[];

export class Sequence {
  readonly #ready: readonly Ready[];
  readonly #tables: Storage | undefined;

  private constructor(
    readonly memory: Memory,
    ready: readonly Ready[],
    tables: Storage | undefined,
  ) {
    this.#ready = ready;
    this.#tables = tables;
  }

  /** @throws RunError a kernel that the driver refuses. @throws InputError more workgroups than the device takes. */
  static async prepare(dispatches: readonly Dispatch[], memory: Memory, pipelines: Pipelines): Promise<Sequence> {
    const { device } = memory;
    const most = device.limits.maxComputeWorkgroupsPerDimension;
    for (const { kernel, workgroups } of dispatches) {
      if (workgroups.some(n => n > most)) {
        throw new InputError(
          `${kernel}: takes ${workgroups.join(' x ')} workgroups, and this device runs at most ${most} an axis: use a smaller grid`,
        );
      }
    }
    const compiled = await Promise.allSettled(dispatches.map(dispatch => pipelines.get(dispatch)));
    const failed = compiled.find(result => result.status === 'rejected');
    if (failed) throw failed.reason;
    for (const one of dispatches) requireOneUse(one);
    const { tables, offsets } = uploadTables(dispatches, memory);
    try {
      const { value, error } = device.attempt('bind', () =>
        dispatches.map((dispatch, i) => ({
          dispatch,
          pipeline: (compiled[i] as PromiseFulfilledResult<GPUComputePipeline>).value,
          bindGroup: device.gpu.createBindGroup({
            label: dispatch.kernel,
            layout: pipelines.layout(dispatch.bindings),
            entries: dispatch.resources.map((resource, binding) => ({
              binding,
              resource: bindingOf(resource, tables, offsets),
            })),
          }),
        })),
      );
      const failure = await error;
      if (failure) throw device.causeOf(failure, buffersOf(dispatches, tables));
      return new Sequence(memory, value, tables);
    } catch (error) {
      if (tables) memory.release(tables);
      throw error;
    }
  }

  /** Appends the dispatches to a pass, `times` over. Each sees what those before it wrote. */
  encode(pass: GPUComputePassEncoder, times = 1): void {
    let last: GPUComputePipeline | undefined;
    for (let time = 0; time < times; time++) {
      for (const { pipeline, bindGroup, dispatch } of this.#ready) {
        if (pipeline !== last) pass.setPipeline(pipeline);
        last = pipeline;
        pass.setBindGroup(0, bindGroup);
        pass.dispatchWorkgroups(...dispatch.workgroups);
      }
    }
  }

  dispose(): void {
    if (this.#tables) this.memory.release(this.#tables);
  }
}

/** Encodes sequences after each other, each so many times over, into a host's pass or as a pass of their own. */
export function encodeInto(encoder: HostEncoder, entries: Entries): void {
  const pass = 'beginComputePass' in encoder ? encoder.beginComputePass({ label: 'sepnn' }) : encoder;
  for (const [sequence, times] of entries) sequence.encode(pass, times);
  if (pass !== encoder) pass.end();
}

/**
 * Submits sequences after each other, each so many times over, in one compute pass, and waits until the device is done.
 *
 * @throws RunError what the device has against it.
 */
export async function submit(device: Device, entries: Entries): Promise<void> {
  const { error } = device.attempt('run', () => {
    const encoder = device.gpu.createCommandEncoder({ label: 'sepnn' });
    encodeInto(encoder, entries);
    device.gpu.queue.submit([encoder.finish()]);
  });
  const [failure] = await Promise.all([error, device.done()]);
  if (failure) throw failure;
}

/** @throws InputError a buffer that a dispatch reads and writes, or writes twice in one place: WebGPU forbids both. */
function requireOneUse({ kernel, bindings, resources }: Dispatch): void {
  const uses = bindings.flatMap(({ name, access }, i) => {
    const storage = resources[i] as Dispatch['resources'][number];
    return isStorage(storage) ? { name, access, storage, buffer: bufferOf(storage) } : [];
  });
  for (const written of uses) {
    if (written.access !== 'read_write') continue;
    const end = ({ storage }: typeof written) => storage.offset + storage.bytes;
    const clashes = (use: typeof written) =>
      use !== written &&
      use.buffer === written.buffer &&
      (use.access !== 'read_write' || (use.storage.offset < end(written) && written.storage.offset < end(use)));
    const other = uses.find(clashes);
    if (!other) continue;
    throw new InputError(
      `${kernel}: the buffer '${written.buffer.label}' is bound to ${other.name} and written as ${written.name}: use two`,
    );
  }
}

function buffersOf(dispatches: readonly Dispatch[], tables: Storage | undefined): GPUBuffer[] {
  const bound = dispatches.flatMap(({ resources }) => resources.filter(isStorage).map(bufferOf));
  return tables ? [bufferOf(tables), ...bound] : bound;
}

/** All tables and settings of a sequence in one buffer, each at an offset that a binding may have. */
function uploadTables(dispatches: readonly Dispatch[], memory: Memory) {
  const { limits } = memory.device;
  const alignment = Math.max(limits.minStorageBufferOffsetAlignment, limits.minUniformBufferOffsetAlignment);
  const offsets = new Map<Uint8Array, number>();
  let bytes = 0;
  for (const table of dispatches.flatMap(dispatch => dispatch.resources)) {
    if (!(table instanceof Uint8Array)) continue;
    offsets.set(table, bytes);
    bytes += Math.ceil(table.length / alignment) * alignment;
  }
  if (bytes === 0) return { tables: undefined, offsets };
  const all = new Uint8Array(bytes);
  for (const [table, offset] of offsets) all.set(table, offset);
  const tables = memory.create('tables', bytes, usage.storage | usage.uniform | usage.copyTarget);
  try {
    memory.write(tables, all);
  } catch (error) {
    memory.release(tables);
    throw error;
  }
  return { tables, offsets };
}

function bindingOf(
  resource: Storage | Uint8Array,
  tables: Storage | undefined,
  offsets: ReadonlyMap<Uint8Array, number>,
): GPUBufferBinding {
  if (isStorage(resource)) return { buffer: bufferOf(resource), offset: resource.offset, size: resource.bytes };
  return { buffer: bufferOf(tables as Storage), offset: offsets.get(resource) ?? 0, size: resource.length };
}
