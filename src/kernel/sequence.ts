/** A list of dispatches made ready for one device: pipelines compiled, tables uploaded, bind groups made. */

import { type Memory, type Storage, usage } from '../buffer/memory.js';
import type { Device } from '../device/device.js';
import { InputError } from '../errors.js';
import type { Dispatch } from './dispatch.js';
import type { Pipelines } from './pipelines.js';

interface Ready {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly dispatch: Dispatch;
}

/** A command encoder of the host's own, into which a sequence may be encoded. */
export type HostEncoder = GPUCommandEncoder;

export class Sequence {
  readonly #ready: readonly Ready[];
  readonly #tables: GPUBuffer | undefined;

  private constructor(
    readonly memory: Memory,
    ready: readonly Ready[],
    tables: GPUBuffer | undefined,
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
    const { buffer, offsets } = uploadTables(dispatches, memory);
    const ready = device.guard('bind', () =>
      dispatches.map((dispatch, i) => ({
        dispatch,
        pipeline: (compiled[i] as PromiseFulfilledResult<GPUComputePipeline>).value,
        bindGroup: device.gpu.createBindGroup({
          label: dispatch.kernel,
          layout: pipelines.layout(dispatch.bindings),
          entries: dispatch.resources.map((resource, binding) => ({
            binding,
            resource: bindingOf(resource, buffer, offsets),
          })),
        }),
      })),
    );
    return new Sequence(memory, ready, buffer);
  }

  /** Encodes the dispatches, `times` over, as a compute pass of their own into a host's command encoder. */
  encodeInto(encoder: HostEncoder, times: number): void {
    const pass = encoder.beginComputePass({ label: 'sepnn' });
    this.encode(pass, times);
    pass.end();
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

/** Submits sequences after each other, each so many times over, in one compute pass. */
export function submit(device: Device, entries: readonly (readonly [Sequence, number])[]): void {
  device.guard('run', () => {
    const encoder = device.gpu.createCommandEncoder({ label: 'sepnn' });
    const pass = encoder.beginComputePass({ label: 'sepnn' });
    for (const [sequence, times] of entries) sequence.encode(pass, times);
    pass.end();
    device.gpu.queue.submit([encoder.finish()]);
  });
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
  if (bytes === 0) return { buffer: undefined, offsets };
  const all = new Uint8Array(bytes);
  for (const [table, offset] of offsets) all.set(table, offset);
  const buffer = memory.create('tables', bytes, usage.storage | usage.uniform | usage.copyTarget);
  memory.write(buffer, all);
  return { buffer, offsets };
}

function bindingOf(
  resource: Storage | Uint8Array,
  tables: GPUBuffer | undefined,
  offsets: ReadonlyMap<Uint8Array, number>,
): GPUBufferBinding {
  if (!(resource instanceof Uint8Array)) return { buffer: resource.buffer };
  return { buffer: tables as GPUBuffer, offset: offsets.get(resource) ?? 0, size: resource.length };
}
