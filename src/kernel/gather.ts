/** A list of dispatches, of which those that do not depend on each other are joined: a device waits between two of a list. */

import { bufferOf, type Storage } from '../buffer/memory.js';
import type { Device } from '../device/device.js';
import { type Dispatch, isStorage } from './dispatch.js';
import { join, joins } from './join.js';

/** Places that a dispatch is tried at: texts take long to join, and what is far ahead of its use takes memory till then. */
const mostTried = 32;

/**
 * Each dispatch stands in the first place after all that it depends on where it fits.
 *
 * @returns a list that does the same, no longer than the given one.
 */
export function gathered(device: Device, dispatches: readonly Dispatch[]): Dispatch[] {
  const groups: { members: Dispatch[]; joint: Dispatch }[] = [];
  for (const dispatch of dispatches) {
    let at = Math.max(
      groups.length - mostTried,
      1 + groups.findLastIndex(({ members }) => members.some(other => areInOrder(other, dispatch))),
    );
    let joint: Dispatch | undefined;
    for (; joins(device) && at < groups.length && !joint; at++) joint = join(device, [...groups[at].members, dispatch]);
    if (joint) groups[at - 1] = { members: [...groups[at - 1].members, dispatch], joint };
    else groups.push({ members: [dispatch], joint: dispatch });
  }
  return groups.map(({ joint }) => joint);
}

/** Whether the order of two matters: one writes what the other uses, and not merely beside it. */
function areInOrder(a: Dispatch, b: Dispatch): boolean {
  return a.resources.some((one, i) =>
    b.resources.some((other, j) => {
      const [first, second] = [a.bindings[i], b.bindings[j]].map(({ access }) => access === 'read_write');
      if (!isStorage(one) || !isStorage(other) || memoryOf(one) !== memoryOf(other)) return false;
      return first && second ? !a.beside || a.beside !== b.beside : first || second;
    }),
  );
}

/** Memory that has its place is told by that: a host may have lent a buffer twice. */
function memoryOf(storage: Storage): object {
  return storage.placed ? bufferOf(storage) : storage;
}
