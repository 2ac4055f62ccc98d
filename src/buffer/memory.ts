/** Device memory: every buffer that the engine creates, counted. */

import type { Device } from '../device/device.js';
import { InputError } from '../errors.js';
import type { Scope } from '../host/scope.js';

/** The flags of GPUBufferUsage, which is a global only in browsers. */
export const usage = { MAP_READ: 0x1, COPY_SRC: 0x4, COPY_DST: 0x8, UNIFORM: 0x40, STORAGE: 0x80 } as const;

type Usage = keyof typeof usage;

/** That of what a dispatch binds. */
export const storageUsage: number = usage.STORAGE | usage.COPY_SRC | usage.COPY_DST;

const mapModeRead = 1;

/** What an engine holds of a device's memory: tensors, plans and what they need, but no buffer of a host's own. */
export interface MemoryUse {
  /** Buffers that the engine made and has not let go. */
  readonly buffers: number;
  /** Bytes of those buffers, each a multiple of 16. */
  readonly bytes: number;
  /** The most bytes there ever were at once. */
  readonly peakBytes: number;
}

/** A host's own buffer, which it may lend as a tensor or have results written to. */
export type HostBuffer = GPUBuffer;

/** Where a storage lies. No member of it, since its rows may be padded: what a host may have is `Tensor.buffer`. */
export let bufferOf: (storage: Storage) => GPUBuffer;

/** A stretch of device memory that a dispatch binds. */
export class Storage {
  static {
    bufferOf = storage => {
      if (!storage.#buffer) throw new Error('a storage that is used has no buffer yet');
      return storage.#buffer;
    };
  }

  #buffer: GPUBuffer | undefined;

  constructor(
    /** How many of its buffer's bytes a dispatch binds, from `offset` on. */
    readonly bytes: number,
    buffer?: GPUBuffer,
    /** Where in the buffer it begins, in bytes. */
    readonly offset = 0,
  ) {
    this.#buffer = buffer;
  }

  /** Lets it lie where another does: a value of a graph, when its plan is laid out. */
  place(other: Storage): void {
    this.#buffer = bufferOf(other);
  }

  /** Whether it lies in a buffer yet: a value of a graph does once its plan is laid out. */
  get placed(): boolean {
    return this.#buffer !== undefined;
  }
}

export class Memory {
  #buffers = new Map<GPUBuffer, number>();
  #bytes = 0;
  #peakBytes = 0;
  #ended = false;
  /** A storage that nobody has any more is let go, not destroyed: a host may have its buffer, or have encoded it. */
  readonly #collected = new FinalizationRegistry<GPUBuffer>(buffer => this.#forget(buffer));

  constructor(readonly device: Device) {}

  get use(): MemoryUse {
    return { buffers: this.#buffers.size, bytes: this.#bytes, peakBytes: this.#peakBytes };
  }

  /** From now on nothing is created, read or written. */
  end(): void {
    this.#ended = true;
  }

  /** @throws InputError after `end`. */
  requireAlive(): void {
    if (this.#ended) throw new InputError('the engine has been disposed of: open another');
  }

  /**
   * Zeroed memory of at least `bytes`.
   *
   * @throws InputError if it does not fit one binding of the device.
   */
  create(label: string, bytes: number, flags = storageUsage): Storage {
    this.requireAlive();
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    this.device.requireBinding(label, size);
    const buffer = this.device.launch(label, () => this.device.gpu.createBuffer({ label, size, usage: flags }));
    this.#buffers.set(buffer, size);
    this.#bytes += size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#bytes);
    const storage = new Storage(size, buffer);
    this.#collected.register(storage, buffer, buffer);
    return storage;
  }

  /** The same until a scope ends. */
  createIn(scope: Scope, label: string, bytes: number, flags?: number): Storage {
    const storage = this.create(label, bytes, flags);
    scope.keep({ dispose: () => this.release(storage) });
    return storage;
  }

  /** Ends a storage that this memory created; any other is left alone. */
  release(storage: Storage): void {
    const buffer = bufferOf(storage);
    if (!this.#forget(buffer)) return;
    this.#collected.unregister(buffer);
    buffer.destroy();
  }

  releaseAll(): void {
    for (const [buffer, bytes] of this.#buffers) this.release(new Storage(bytes, buffer));
  }

  #forget(buffer: GPUBuffer): boolean {
    this.#bytes -= this.#buffers.get(buffer) ?? 0;
    return this.#buffers.delete(buffer);
  }

  /** @throws InputError a host's buffer that is mapped, or was created without COPY_DST. */
  write(storage: Storage, data: Float32Array | Uint32Array | Uint8Array): void {
    const buffer = bufferOf(storage);
    this.requireAlive();
    requireUsable('write', buffer, 'COPY_DST');
    const { queue } = this.device.gpu;
    this.device.launch(
      'write',
      () => queue.writeBuffer(buffer, storage.offset, data as Float32Array<ArrayBuffer>),
      buffer,
    );
  }

  /** What `read` may read back through. */
  createStaging(bytes: number): Storage {
    return this.create('read back', bytes, usage.MAP_READ | usage.COPY_DST);
  }

  /**
   * The first `bytes` of a storage, after everything submitted so far, by way of a staging one of as many bytes.
   *
   * @throws InputError a host's buffer that is mapped, or was created without COPY_SRC. @throws RunError one that is
   * destroyed, or of another device.
   */
  async read(storage: Storage, bytes: number, through: Storage): Promise<ArrayBuffer> {
    const [buffer, staging] = [bufferOf(storage), bufferOf(through)];
    this.requireAlive();
    requireUsable('read', buffer, 'COPY_SRC');
    const { device } = this;
    const { error } = device.attempt('read', () => {
      const encoder = device.gpu.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, storage.offset, staging, 0, bytes);
      device.gpu.queue.submit([encoder.finish()]);
    });
    const mapped = device.track(staging.mapAsync(mapModeRead));
    try {
      // A copy that failed leaves what the staging held before: nothing is taken from it until the error is known.
      const failure = (await Promise.all([error, mapped]))[0];
      if (failure) throw failure;
      return staging.getMappedRange(0, bytes).slice(0);
    } catch (failure) {
      throw device.causeOf(failure, [buffer, staging]);
    } finally {
      staging.unmap();
    }
  }
}

/** @throws InputError a buffer that was created without a usage. */
export function requireUsage(what: string, { label, usage: flags }: GPUBuffer, flag: Usage): void {
  if ((flags & usage[flag]) !== 0) return;
  throw new InputError(`${what}: the buffer '${label}' was created without ${flag} usage: add GPUBufferUsage.${flag}`);
}

/** @throws InputError the same, or one that is mapped now. */
export function requireUsable(what: string, buffer: GPUBuffer, flag: Usage): void {
  requireUsage(what, buffer, flag);
  if (buffer.mapState === 'unmapped') return;
  throw new InputError(`${what}: the buffer '${buffer.label}' is mapped: unmap it first`);
}
