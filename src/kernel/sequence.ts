/** A list of dispatches made ready for one device: pipelines compiled, tables uploaded, bind groups made. */

import { bufferOf, type Memory, type Storage, usage } from '../buffer/memory.js';
import { InputError } from '../errors.js';
import { settled } from '../host/scope.js';
import { type Dispatch, isStorage } from './dispatch.js';
import { expectedMilliseconds, leastRate } from './pace.js';
import type { Pipelines } from './pipelines.js';

interface Ready {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly dispatch: Dispatch;
}

/** A command encoder or a compute pass of the host's own, into which sequences may be encoded. */
export type HostEncoder = GPUCommandEncoder | GPUComputePassEncoder;

/** Some dispatches of a line of a sequence's runs one after the other: the first, and the one after the last. */
export interface Part {
  readonly sequence: Sequence;
  readonly from: number;
  readonly to: number;
}

export class Sequence {
  readonly #ready: readonly Ready[];
  readonly #tables: Storage | undefined;
  /** Milliseconds that each dispatch is expected to take: a guess until it has run. */
  readonly expected: Float64Array;
  /** Whether all have run. */
  measured = false;

  private constructor(
    readonly memory: Memory,
    ready: readonly Ready[],
    tables: Storage | undefined,
  ) {
    this.#ready = ready;
    this.#tables = tables;
    const { rate = leastRate } = memory.device;
    this.expected = Float64Array.from(ready, ({ dispatch }) => expectedMilliseconds(dispatch, rate));
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
    const compiled = await settled(dispatches.map(dispatch => pipelines.get(dispatch)));
    for (const one of dispatches) requireOneUse(one);
    const { tables, offsets } = uploadTables(dispatches, memory);
    try {
      const { value, error } = device.attempt('bind', () =>
        dispatches.map((dispatch, i) => ({
          dispatch,
          pipeline: compiled[i],
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

  /** Dispatches of one run. */
  get length(): number {
    return this.#ready.length;
  }

  /**
   * Appends a part to a pass. Each dispatch sees what those before it wrote.
   *
   * @throws InputError if the engine has been disposed of.
   */
  encode(pass: GPUComputePassEncoder, { from, to }: Omit<Part, 'sequence'>): void {
    this.memory.requireAlive();
    let last: GPUComputePipeline | undefined;
    for (let i = from; i < to; i++) {
      const { pipeline, bindGroup, dispatch } = this.#ready[i % this.length];
      if (pipeline !== last) pass.setPipeline(pipeline);
      last = pipeline;
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...dispatch.workgroups);
    }
  }

  /** Milliseconds that a part is expected to take. */
  lasts({ from, to }: Omit<Part, 'sequence'>): number {
    let sum = 0;
    for (let i = from; i < to; i++) sum += this.expected[i % this.length];
    return sum;
  }

  /** Expects so many times as much of a part's dispatches, which have run, and no less of those that have not yet. */
  correct({ from, to }: Omit<Part, 'sequence'>, factor: number): void {
    const first = from % this.length;
    const count = factor > 1 && !this.measured ? this.length - first : Math.min(to - from, this.length);
    for (let i = first; i < first + count; i++) this.expected[i % this.length] *= factor;
    if (to >= this.length) this.measured = true;
  }

  dispose(): void {
    if (this.#tables) this.memory.release(this.#tables);
  }
}

/** Encodes parts after each other into a host's pass, or as a pass of their own. */
export function encodeParts(encoder: HostEncoder, parts: readonly Part[]): void {
  const pass = 'beginComputePass' in encoder ? encoder.beginComputePass({ label: 'sepnn' }) : encoder;
  for (const part of parts) part.sequence.encode(pass, part);
  if (pass !== encoder) pass.end();
}

/** @throws InputError a buffer that a dispatch reads and writes, or writes twice in one place: WebGPU forbids both. */
function requireOneUse({ kernel, bindings, resources }: Dispatch): void {
  bindings.forEach(({ name, access }, i) => {
    const written = resources[i];
    if (access !== 'read_write' || !isStorage(written)) return;
    const other = bindings.find((binding, j) => {
      const used = resources[j];
      if (i === j || !isStorage(used) || bufferOf(used) !== bufferOf(written)) return false;
      const areApart = used.offset >= written.offset + written.bytes || written.offset >= used.offset + used.bytes;
      return binding.access !== 'read_write' || !areApart;
    });
    if (!other) return;
    throw new InputError(
      `${kernel}: the buffer '${bufferOf(written).label}' is bound to ${other.name} and written as ${name}: use two`,
    );
  });
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
