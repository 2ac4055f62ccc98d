/** Consecutive parts of a stack as a tensor of their own on the same memory, which is read and written by itself. */

import type { Layout } from './layout.js';
import { bufferOf, Storage } from './memory.js';
import { Tensor } from './tensor.js';

/** @param from the first part. @param to the one after the last. */
export function viewOfParts({ memory, layout, storage }: Tensor, from: number, to: number): Tensor {
  const start = layout.parts[from].offset;
  const end = layout.parts[to]?.offset ?? layout.length;
  const parts = layout.parts.slice(from, to).map(part => ({ ...part, offset: part.offset - start }));
  return viewOf(memory, { parts, length: end - start }, storage, start);
}

/** Some of the numbers of a vector, the only part of a tensor. */
export function viewOfNumbers({ memory, storage }: Tensor, from: number, to: number): Tensor {
  const length = to - from;
  return viewOf(memory, { parts: [{ shape: [length], offset: 0, stride: length }], length }, storage, from);
}

function viewOf(memory: Tensor['memory'], layout: Layout, storage: Storage, start: number): Tensor {
  return new Tensor(
    memory,
    layout,
    new Storage(4 * layout.length, bufferOf(storage), storage.offset + 4 * start),
    false,
  );
}
