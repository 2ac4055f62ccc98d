/** A list of dispatches made ready for one device: pipelines compiled, tables uploaded, bind groups made. */

import { bufferOf, type Memory, Storage, usage } from '../buffer/memory.js';
import { InputError } from '../errors.js';
import { requireValue } from '../host/checks.js';
import { building, type Scope, settled } from '../host/scope.js';
import { type Dispatch, isStorage } from './dispatch.js';
import { inStretches } from './join.js';
import { expectedMilliseconds, togetherMilliseconds } from './pace.js';
import type { Pipelines } from './pipelines.js';

type Resource = Dispatch['resources'][number];

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
  /** Milliseconds that each dispatch is expected to take: a guess until it has run. */
  readonly expected: Float64Array;
  /** Whether all have run. */
  declare measured?: boolean;
  /** Whether it has been disposed of. */
  declare disposed?: boolean;

  private constructor(
    readonly memory: Memory,
    ready: readonly Ready[],
    private readonly scope: Scope,
  ) {
    this.#ready = ready;
    this.expected = Float64Array.from(ready, ({ dispatch }) => expectedMilliseconds(dispatch, memory.device.rate));
  }

  /** @throws RunError a kernel that the driver refuses. @throws InputError more workgroups than the device takes. */
  static async prepare(whole: readonly Dispatch[], memory: Memory, pipelines: Pipelines): Promise<Sequence> {
    const { device } = memory;
    const most = device.limits.maxComputeWorkgroupsPerDimension;
    for (const { kernel, workgroups } of whole) {
      if (Math.max(...workgroups) > most) {
        throw new InputError(
          `${kernel}: takes ${workgroups.join(' x ')} workgroups, and this device runs at most ${most} an axis: use a smaller grid`,
        );
      }
    }
    const dispatches = whole.flatMap(one => inStretches(device, one));
    const compiled = await settled(dispatches.map(dispatch => pipelines.get(dispatch)));
    return building(async scope => {
      const tables = uploadTables(dispatches, memory, scope);
      const bound = dispatches.map(({ resources }) => resources.map(one => tables.get(one) ?? (one as Storage)));
      dispatches.forEach((one, i) => {
        requireOneUse(one, bound[i]);
      });
      const { value, error } = device.attempt('bind', () =>
        dispatches.map((dispatch, i) => ({
          dispatch,
          pipeline: compiled[i],
          bindGroup: device.gpu.createBindGroup({
            label: dispatch.kernel,
            layout: pipelines.layout(dispatch.bindings),
            entries: bound[i].map((storage, binding) => ({
              binding,
              resource: { buffer: bufferOf(storage), offset: storage.offset, size: storage.bytes },
            })),
          }),
        })),
      );
      const failure = await error;
      if (failure) throw device.causeOf(failure, bound.flat().map(bufferOf));
      return new Sequence(memory, value, scope);
    });
  }

  /** Dispatches of one run. */
  get length(): number {
    return this.#ready.length;
  }

  /**
   * Appends a part to a pass. Each dispatch sees what those before it wrote.
   *
   * @throws InputError if it or the engine has been disposed of, as a host may while what runs goes in several submits.
   */
  encode(pass: GPUComputePassEncoder, { from, to }: Omit<Part, 'sequence'>): void {
    this.requireAlive();
    const at = (i: number) => this.#ready[i % this.length];
    let last: GPUComputePipeline | undefined;
    for (let i = from; i < to; ) {
      const { pipeline, bindGroup, dispatch } = at(i);
      let [count, y, z] = dispatch.workgroups;
      if (pipeline !== last) pass.setPipeline(pipeline);
      last = pipeline;
      pass.setBindGroup(0, bindGroup);
      const first = i;
      // Stretches that follow each other go in one, as many as end in time by what is known by now.
      while (++i < to && at(i).dispatch.follows && this.lasts({ from: first, to: i + 1 }) <= togetherMilliseconds) {
        count += at(i).dispatch.workgroups[0];
      }
      pass.dispatchWorkgroups(count, y, z);
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
    this.measured ||= to >= this.length;
  }

  /** @throws InputError if it, or its engine, has been disposed of. */
  requireAlive(): void {
    this.memory.requireAlive();
    if (this.disposed) throw new InputError('the plan has been disposed of');
  }

  dispose(): void {
    this.disposed = true;
    this.scope.dispose();
  }
}

/** Encodes parts after each other into a host's pass, or as a pass of their own. @throws InputError what is no encoder. */
export function encodeParts(encoder: HostEncoder, parts: readonly Part[]): void {
  requireValue('encode', encoder, 'pushDebugGroup', 'give an encoder or a pass');
  const pass = 'beginComputePass' in encoder ? encoder.beginComputePass({ label: 'sepnn' }) : encoder;
  for (const part of parts) part.sequence.encode(pass, part);
  if (pass !== encoder) pass.end();
}

/** @throws InputError a buffer that a dispatch reads and writes, or writes twice in one place: WebGPU forbids both. */
function requireOneUse({ kernel, bindings }: Dispatch, storages: readonly Storage[]): void {
  bindings.forEach(({ name, access }, i) => {
    const written = storages[i];
    const other = bindings.find((binding, j) => {
      const used = storages[j];
      if (access !== 'read_write' || i === j || bufferOf(used) !== bufferOf(written)) return false;
      const areApart = used.offset >= written.offset + written.bytes || written.offset >= used.offset + used.bytes;
      return binding.access !== 'read_write' || !areApart;
    });
    if (!other) return;
    throw new InputError(
      `${kernel}: the buffer '${bufferOf(written).label}' is bound to ${other.name} and written as ${name}: use two`,
    );
  });
}

/** All tables and settings of a sequence in one buffer, each at an offset that a binding may have: where they lie. */
function uploadTables(dispatches: readonly Dispatch[], memory: Memory, scope: Scope): Map<Resource, Storage> {
  const { limits } = memory.device;
  const alignment = Math.max(limits.minStorageBufferOffsetAlignment, limits.minUniformBufferOffsetAlignment);
  const offsets = new Map<Exclude<Resource, Storage>, number>();
  let bytes = 0;
  for (const table of dispatches.flatMap(({ resources }) => resources)) {
    if (isStorage(table)) continue;
    offsets.set(table, bytes);
    bytes += Math.ceil(table.length / alignment) * alignment;
  }
  const places = new Map<Resource, Storage>();
  if (bytes === 0) return places;
  const all = new Uint8Array(bytes);
  const tables = memory.createIn(scope, 'tables', bytes, usage.STORAGE | usage.UNIFORM | usage.COPY_DST);
  for (const [table, offset] of offsets) {
    all.set(table, offset);
    places.set(table, new Storage(table.length, bufferOf(tables), offset));
  }
  memory.write(tables, all);
  return places;
}
