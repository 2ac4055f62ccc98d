/** Device memory: every buffer that the engine creates, counted. */

import type { Device } from '../device/device.js';

/** The flags of GPUBufferUsage, which is a global only in browsers. */
export const usage = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, uniform: 0x40, storage: 0x80 } as const;

const mapModeRead = 1;

export interface MemoryUse {
  /** Buffers alive now, and their bytes. */
  readonly buffers: number;
  readonly bytes: number;
  /** The most bytes there ever were at once. */
  readonly peakBytes: number;
}

/** A stretch of device memory that a dispatch binds whole. */
export class Storage {
  #buffer: GPUBuffer | undefined;

  constructor(
    readonly bytes: number,
    buffer?: GPUBuffer,
  ) {
    this.#buffer = buffer;
  }

  /** Lets it lie where another does: a value of a graph, when its plan is laid out. */
  place(other: Storage): void {
    this.#buffer = other.buffer;
  }

  get placed(): boolean {
    return this.#buffer !== undefined;
  }

  get buffer(): GPUBuffer {
    if (!this.#buffer) throw new Error('a storage was used before its plan was laid out');
    return this.#buffer;
  }
}

export class Memory {
  #buffers = new Map<GPUBuffer, number>();
  #bytes = 0;
  #peakBytes = 0;

  constructor(readonly device: Device) {}

  get use(): MemoryUse {
    return { buffers: this.#buffers.size, bytes: this.#bytes, peakBytes: this.#peakBytes };
  }

  /** A zeroed buffer of at least `bytes`. @throws InputError if it does not fit one binding of the device. */
  create(label: string, bytes: number, flags: number): GPUBuffer {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    this.device.requireBinding(label, size);
    const buffer = this.device.guard(label, () => this.device.gpu.createBuffer({ label, size, usage: flags }));
    this.#buffers.set(buffer, size);
    this.#bytes += size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#bytes);
    return buffer;
  }

  createStorage(label: string, bytes: number): Storage {
    const buffer = this.create(label, bytes, usage.storage | usage.copySource | usage.copyTarget);
    return new Storage(buffer.size, buffer);
  }

  /** Ends a storage that this memory created; any other is left alone. */
  releaseStorage(storage: Storage): void {
    this.release(storage.buffer);
  }

  /** The same of a buffer. */
  release(buffer: GPUBuffer): void {
    const bytes = this.#buffers.get(buffer);
    if (bytes === undefined) return;
    this.#buffers.delete(buffer);
    this.#bytes -= bytes;
    buffer.destroy();
  }

  releaseAll(): void {
    for (const buffer of [...this.#buffers.keys()]) this.release(buffer);
  }

  write(buffer: GPUBuffer, data: Float32Array | Uint32Array | Uint8Array): void {
    this.device.guard('upload', () => this.device.gpu.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>));
  }

  /** A buffer that `read` may read back through. */
  createStaging(bytes: number): GPUBuffer {
    return this.create('read back', bytes, usage.mapRead | usage.copyTarget);
  }

  /** The first `bytes` of a buffer, after everything submitted so far, by way of a staging buffer of as many bytes. */
  async read(buffer: GPUBuffer, bytes: number, staging: GPUBuffer): Promise<ArrayBuffer> {
    try {
      this.device.guard('read back', () => {
        const encoder = this.device.gpu.createCommandEncoder();
        encoder.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
        this.device.gpu.queue.submit([encoder.finish()]);
      });
      await this.device.track(staging.mapAsync(mapModeRead));
      const content = staging.getMappedRange(0, bytes).slice(0);
      staging.unmap();
      return content;
    } catch (error) {
      await this.device.check(); // what it says is the cause, where it has something to say
      throw error;
    }
  }
}
