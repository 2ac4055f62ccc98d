/** A tensor in device memory, in f32. */

import { InputError } from '../errors.js';
import { requireValue } from '../host/checks.js';
import { formatLayout, isPacked, type Layout, onlyPart, pad, requireNumbersOf, type Shape, unpad } from './layout.js';
import { bufferOf, type HostBuffer, type Memory, requireUsable, type Storage } from './memory.js';

/** @throws InputError something else, such as the buffer of one. */
export function requireTensor(tensor: Tensor): void {
  requireValue('tensor', tensor, 'requireOn', 'use engine.wrap(buffer, shape) for a buffer');
}

/** A training loop reads a few numbers back again and again: up to so many bytes the way back is kept. */
const mostStagingKept = 2 ** 16;

/**
 * An array of f32, or a stack of several, in memory of the device: `Engine.tensor`, `stack`, `packed` and `wrap` make it.
 */
export class Tensor {
  #disposed = false;
  #staging: Storage | undefined;

  /** @internal Made by an engine. */
  constructor(
    /** That of the engine which made it. */
    readonly memory: Memory,
    /** How its numbers lie: in rows of whole quads, or packed where `packed` or `wrap` made it. */
    readonly layout: Layout,
    /** @internal */
    readonly storage: Storage,
    /** False for a buffer that a host lent: it is never destroyed here. */
    readonly owned: boolean,
  ) {}

  /** Its axes, row-major, the last the fastest. @throws InputError for a stack of several tensors. */
  get shape(): Shape {
    return onlyPart('shape', this.layout).shape;
  }

  /**
   * Where it lies, for work of a host's own: rows directly after each other, to the next 16 bytes. It ends with the tensor.
   *
   * @throws InputError where rows are padded, as those of `Engine.tensor` are to whole quads.
   */
  get buffer(): HostBuffer {
    this.requireAlive();
    if (isPacked(this.layout)) return bufferOf(this.storage);
    throw new InputError(`${this.#name} has padded rows: use Engine.packed, or packedCopy of it`);
  }

  /** Its numbers, row-major, after everything submitted so far; those of a stack part after part. */
  async read(): Promise<Float32Array> {
    this.requireAlive();
    const bytes = this.layout.length * 4;
    const staging = this.#staging ?? this.memory.createStaging(bytes);
    this.#staging = undefined;
    try {
      return unpad(this.layout, new Float32Array(await this.memory.read(this.storage, bytes, staging)));
    } catch (error) {
      this.requireAlive(); // that it was disposed of meanwhile is the cause
      throw error;
    } finally {
      if (bytes <= mostStagingKept && !this.#disposed && !this.#staging) this.#staging = staging;
      else this.memory.release(staging);
    }
  }

  /** Puts numbers into it, row-major, before everything submitted from now on. @throws InputError a wrong count. */
  write(values: ArrayLike<number> & Iterable<number>): void {
    this.requireAlive();
    requireNumbersOf(this.layout, values);
    this.memory.write(this.storage, pad(this.layout, values));
  }

  /** Sets all its numbers to 0, before everything submitted from now on. */
  clear(): void {
    this.requireAlive();
    this.memory.write(this.storage, new Float32Array(this.layout.length));
  }

  /** Frees its memory, unless a host lent it. Harmless a second time. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.owned) this.memory.release(this.storage);
    if (this.#staging) this.memory.release(this.#staging);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Refuses to be used after its end. @throws InputError if it, or its engine, has been disposed of. */
  requireAlive(): void {
    this.memory.requireAlive();
    if (this.#disposed) throw new InputError(`${this.#name} has been disposed of: make another`);
  }

  /**
   * Refuses a run that it cannot be bound in.
   *
   * @throws InputError as `requireAlive`, or a host's buffer that is mapped or no storage.
   */
  requireBindable(): void {
    this.requireAlive();
    if (!this.owned) requireUsable('run', bufferOf(this.storage), 'STORAGE');
  }

  /**
   * Refuses a graph of another device.
   *
   * @throws InputError as `requireAlive`, or if it lies on another than `memory`.
   */
  requireOn({ device }: Memory): void {
    this.requireAlive();
    if (this.memory.device.gpu === device.gpu) return;
    throw new InputError(`${this.#name} is of another device: read it, and make one of its numbers here`);
  }

  get #name(): string {
    return `the tensor of shape ${formatLayout(this.layout)}`;
  }
}
