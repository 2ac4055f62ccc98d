/** A tensor in device memory, in f32. */

import { InputError } from '../errors.js';
import { formatShape, type Layout, onlyPart, pad, type Shape, sizeOf, unpad } from './layout.js';
import type { Memory, Storage } from './memory.js';

export class Tensor {
  #disposed = false;

  /** @internal Made by an engine. */
  constructor(
    readonly memory: Memory,
    readonly layout: Layout,
    readonly storage: Storage,
    /** False for a buffer that a host lent: it is never destroyed here. */
    readonly owned: boolean,
  ) {}

  /** Its axes, row-major, the last the fastest. @throws InputError for a stack of several tensors. */
  get shape(): Shape {
    return onlyPart('shape', this.layout).shape;
  }

  /** Its numbers, row-major, after everything submitted so far; those of a stack part behind part. */
  async read(): Promise<Float32Array> {
    this.requireAlive();
    const stored = await this.memory.read(this.storage.buffer, this.layout.length * 4);
    return unpad(this.layout, new Float32Array(stored));
  }

  /** Puts numbers into it, row-major, before everything submitted from now on. @throws InputError a wrong count. */
  write(values: ArrayLike<number> & Iterable<number>): void {
    this.requireAlive();
    const expected = this.layout.parts.reduce((sum, part) => sum + sizeOf(part.shape), 0);
    if (values.length !== expected) {
      const shapes = this.layout.parts.map(part => formatShape(part.shape)).join(', ');
      throw new InputError(`tensor of shape ${shapes}: takes ${expected} numbers, got ${values.length}`);
    }
    this.memory.write(this.storage.buffer, pad(this.layout, values));
  }

  /** Frees its memory, unless a host lent it. Harmless a second time. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.owned) this.memory.releaseStorage(this.storage);
  }

  /** @throws InputError if it has been disposed of. */
  requireAlive(): void {
    if (this.#disposed) throw new InputError('the tensor has been disposed of');
  }
}
