/**
 * Memory by lifetime: storages that are not alive at the same time share a buffer. A buffer is shared whole, since
 * WebGPU lets no dispatch read one stretch of a buffer and write another.
 */

import type { Memory, Storage } from '../buffer/memory.js';
import type { Dispatch } from '../kernel/dispatch.js';

interface Slot {
  bytes: number;
  readonly storages: Storage[];
  busyUntil: number;
}

/** Buffers for the storages of several lists of dispatches that never run at the same time: the lists share them. */
export class Slots {
  readonly #slots: Slot[] = [];
  #placed: Storage[] = [];

  /** Assigns a slot to every storage of the list that has no place yet. */
  add(dispatches: readonly Dispatch[]): void {
    for (const slot of this.#slots) slot.busyUntil = -1;
    for (const { storage, first, last } of lifetimes(dispatches)) {
      const slot = this.#fit(storage.bytes, first);
      slot.bytes = Math.max(slot.bytes, storage.bytes);
      slot.busyUntil = last;
      slot.storages.push(storage);
    }
  }

  /** Creates the buffers. */
  place(memory: Memory): void {
    for (const { bytes, storages } of this.#slots) {
      const room = memory.create('values', bytes);
      this.#placed.push(room);
      for (const storage of storages) storage.place(room);
    }
  }

  dispose(memory: Memory): void {
    for (const room of this.#placed) memory.release(room);
    this.#placed = [];
  }

  /** The smallest free slot that holds so much, else the largest free one, which grows, else a new one. */
  #fit(bytes: number, at: number): Slot {
    const free = this.#slots.filter(slot => slot.busyUntil < at).sort((a, b) => a.bytes - b.bytes);
    const found = free.find(slot => slot.bytes >= bytes) ?? free.at(-1);
    if (found) return found;
    const slot: Slot = { bytes, storages: [], busyUntil: -1 };
    this.#slots.push(slot);
    return slot;
  }
}

/** First and last dispatch that binds each storage without a place, in order of the first. */
function lifetimes(dispatches: readonly Dispatch[]) {
  const found = new Map<Storage, { storage: Storage; first: number; last: number }>();
  dispatches.forEach(({ resources }, at) => {
    for (const storage of resources) {
      if (storage instanceof Uint8Array || storage.placed) continue;
      const lifetime = found.get(storage);
      if (lifetime) lifetime.last = at;
      else found.set(storage, { storage, first: at, last: at });
    }
  });
  return [...found.values()];
}
