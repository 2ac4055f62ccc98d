/**
 * Memory by lifetime: storages that are not alive at the same time share a buffer. A buffer is shared whole, since
 * WebGPU lets no dispatch read one stretch of a buffer and write another.
 */

import type { Memory, Storage } from '../buffer/memory.js';
import { type Disposable, Scope } from '../host/scope.js';
import { type Dispatch, isStorage } from '../kernel/dispatch.js';

interface Slot {
  bytes: number;
  readonly storages: Storage[];
  busyUntil: number;
}

/** Buffers for the storages of several lists of dispatches that never run at the same time: the lists share them. */
export class Slots implements Disposable {
  readonly #slots: Slot[] = [];
  readonly #placed = new Scope();

  /** Assigns a slot to every storage of the list that has no place yet, from the first dispatch that binds it to the last. */
  add(dispatches: readonly Dispatch[]): void {
    for (const slot of this.#slots) slot.busyUntil = -1;
    const last = new Map<unknown, number>();
    dispatches.forEach(({ resources }, at) => {
      for (const one of resources) last.set(one, at);
    });
    dispatches.forEach(({ resources }, at) => {
      for (const storage of resources) {
        const until = last.get(storage);
        if (until === undefined || !isStorage(storage) || storage.placed) continue;
        last.delete(storage);
        const slot = this.#fit(storage.bytes, at);
        slot.bytes = Math.max(slot.bytes, storage.bytes);
        slot.busyUntil = until;
        slot.storages.push(storage);
      }
    });
  }

  /** Creates the buffers. */
  place(memory: Memory): void {
    for (const { bytes, storages } of this.#slots) {
      const room = memory.createIn(this.#placed, 'values', bytes);
      for (const storage of storages) storage.place(room);
    }
  }

  dispose(): void {
    this.#placed.dispose();
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
